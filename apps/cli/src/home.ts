import { accessSync, chmodSync, constants, existsSync, mkdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { CliError, exitCode } from './cli-error.ts';

export interface Home {
  readonly directory: string;
  readonly configFile: string;
}

/** `--home`, else `$CYRUS_HOME`, else `~/.cyrus`. */
export function homeOf(option: string | undefined, environment: NodeJS.ProcessEnv): Home {
  const directory = resolve(option ?? environment['CYRUS_HOME'] ?? join(ownHome(), '.cyrus'));
  return { directory, configFile: join(directory, 'config.json') };
}

/** @throws CliError for an account without a home that does not say where to go either */
function ownHome(): string {
  try {
    return homedir();
  } catch {
    throw new CliError('This account has no home directory, and HOME is not set.', {
      code: exitCode.configuration,
      fix: 'Say where configuration and data go: --home DIRECTORY, or CYRUS_HOME.',
    });
  }
}

/**
 * Makes the home, readable by its owner alone.
 * @throws CliError 78 with why it cannot be written
 */
export function ensureHome(home: Home): void {
  try {
    makeDirectories(home.directory);
    chmodSync(home.directory, 0o700);
    accessSync(home.directory, constants.W_OK);
  } catch (error) {
    throw new CliError(`The home ${home.directory} cannot be written: ${whyNot(home.directory, error as NodeJS.ErrnoException)}.`, {
      code: exitCode.configuration,
      fix: 'Make it writable for this account, or name another one with --home or CYRUS_HOME.',
    });
  }
}

/** One by one: Node's own way tries for ever, or blames a parent, where a file system lets nobody make any. */
function makeDirectories(directory: string): void {
  if (existsSync(directory)) return;
  makeDirectories(dirname(directory));
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    // Another start was faster.
    if (!existsSync(directory)) throw error;
  }
}

function whyNot(directory: string, error: NodeJS.ErrnoException): string {
  let place = directory;
  while (!existsSync(place)) place = dirname(place);
  const { uid } = statSync(place);
  const mine = process.getuid?.() ?? uid;
  if (error.code === 'EROFS') return `${place} is on a read-only file system`;
  if (error.code === 'EEXIST' || error.code === 'ENOTDIR') return `${place} is a file`;
  if (uid !== mine && (error.code === 'EACCES' || error.code === 'EPERM')) return `${place} belongs to the account ${uid}, this is ${mine}`;
  return error.code === 'ENOSPC' ? 'the disk is full' : error.message;
}
