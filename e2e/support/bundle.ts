import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../..', import.meta.url));
const cache = join(root, 'node_modules', '.cache', 'cyrus-e2e');

/** The programs as they are shipped. */
export interface Bundle {
  /** `cyrus`, for a Node that is new enough. */
  readonly main: string;
  /** `cyrus`, for any Node. */
  readonly bin: string;
  /** Where the stand-ins and their schema are. */
  readonly standIns: string;
}

let made: Promise<Bundle> | undefined;

/**
 * The bundle of the sources as they are. `apps/cli/dist` is taken when it is newer than they are, else it is built here. Tests run a copy of
 * their own: a build that someone starts meanwhile deletes files that a running program has still to load.
 */
export function bundle(): Promise<Bundle> {
  made ??= make();
  return made;
}

async function make(): Promise<Bundle> {
  const sources = await fingerprint();
  const directory = join(cache, sources.digest);
  if (!existsSync(join(directory, 'dist', 'main.js'))) {
    const mine = `${directory}.${process.pid}`;
    await mkdir(mine, { recursive: true });
    const built = join(root, 'apps', 'cli', 'dist');
    const builtAt = (await stat(join(built, 'main.js')).catch(() => null))?.mtimeMs ?? 0;
    const settled = Date.now() - builtAt > 2000;
    if (builtAt > sources.newestMs && settled) await cp(built, join(mine, 'dist'), { recursive: true });
    else await build(join(mine, 'dist'));
    await cp(join(root, 'apps', 'cli', 'bin'), join(mine, 'bin'), { recursive: true });
    await cp(join(root, 'apps', 'cli', 'package.json'), join(mine, 'package.json'));
    // Another worker may have been faster; then its copy is as good.
    await rename(mine, directory).catch(() => rm(mine, { recursive: true, force: true }));
    await removeOld();
  }
  return {
    main: join(directory, 'dist', 'main.js'),
    bin: join(directory, 'bin', 'cyrus.js'),
    standIns: join(directory, 'dist', 'stand-ins'),
  };
}

async function build(into: string): Promise<void> {
  await promisify(execFile)(process.execPath, [join(root, 'scripts', 'build.js'), into], { cwd: root });
}

/** What the sources are, by names, sizes and times. */
async function fingerprint(): Promise<{ readonly digest: string; readonly newestMs: number }> {
  const places = ['packages', 'apps', 'stand-ins'];
  const folders = (
    await Promise.all(places.map(async (place) => (await readdir(join(root, place))).map((name) => join(root, place, name))))
  ).flat();
  const wanted = folders.flatMap((folder) => [join(folder, 'src'), join(folder, 'schema'), join(folder, 'contract'), join(folder, 'bin')]);
  const files = (await Promise.all(wanted.map(filesBelow))).flat();
  const facts = await Promise.all(
    [...files, join(root, 'scripts', 'build.js'), join(root, 'package-lock.json')]
      .sort()
      .map(async (file) => ({ file, ...(await sizeAndTime(file)) })),
  );
  const hash = createHash('sha256');
  for (const { file, size, mtimeMs } of facts) hash.update(`${file}\0${size}\0${mtimeMs}\n`);
  return { digest: hash.digest('hex').slice(0, 16), newestMs: Math.max(...facts.map((fact) => fact.mtimeMs)) };
}

const sizeAndTime = async (file: string): Promise<{ readonly size: number; readonly mtimeMs: number }> => {
  const { size, mtimeMs } = await stat(file).catch(() => ({ size: 0, mtimeMs: 0 }));
  return { size, mtimeMs };
};

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile() && !entry.name.endsWith('.test.ts')).map((entry) => join(entry.parentPath, entry.name));
}

/** Copies of an hour ago serve nobody any more. */
async function removeOld(): Promise<void> {
  for (const name of await readdir(cache)) {
    const info = await stat(join(cache, name)).catch(() => null);
    if (info && Date.now() - info.mtimeMs > 3_600_000) await rm(join(cache, name), { recursive: true, force: true });
  }
}
