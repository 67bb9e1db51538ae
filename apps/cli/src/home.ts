import { chmodSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { CliError, exitCode } from './cli-error.ts';

export interface Home {
  readonly directory: string;
  readonly configFile: string;
}

/** `--home`, else `$CYRUS_HOME`, else `~/.cyrus`. */
export function homeOf(option: string | undefined, environment: NodeJS.ProcessEnv): Home {
  const directory = resolve(option ?? environment['CYRUS_HOME'] ?? join(homedir(), '.cyrus'));
  return { directory, configFile: join(directory, 'config.json') };
}

/** Makes the home, readable by its owner alone. */
export function ensureHome(home: Home): void {
  try {
    mkdirSync(home.directory, { recursive: true, mode: 0o700 });
    chmodSync(home.directory, 0o700);
  } catch (error) {
    throw new CliError(`The home ${home.directory} cannot be written: ${(error as Error).message}`, {
      code: exitCode.configuration,
      fix: 'Make it writable, or name another one with --home or CYRUS_HOME.',
    });
  }
}
