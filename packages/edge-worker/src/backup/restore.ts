import { appendFile, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, normalize, sep } from 'node:path';
import type { Clock } from 'cyrus-core/clock';
import { FailureError } from 'cyrus-core/failure';
import { checkDump, type DumpedPart, LoadError, loadDatabase } from 'cyrus-store/backup/load';
import type { ConnectionConfig } from 'cyrus-store/connection';
import { readArchive } from './archive.ts';
import { type Manifest, manifestName, parseManifest } from './manifest.ts';
import { besideGit, unbundle } from './unpushed.ts';

export interface RestoreOptions {
  /** Empty, or not there yet. */
  readonly home: string;
  readonly configFile: string;
  readonly file: string;
  readonly clock: Clock;
  /** Opens the home's database, empty; `close` leaves nothing running. Called once the backup is known to be whole. */
  readonly openDatabase: () => Promise<{ readonly connection: ConnectionConfig; close(): Promise<void> }>;
  readonly onProgress: (line: string) => void;
}

export interface RestoreSummary {
  readonly manifest: Manifest;
  readonly rows: number;
  readonly repositories: number;
  readonly files: number;
}

/** Stands in a home that a restore is filling, or did not finish. */
export const unfinishedName = 'restore-unfinished';

/**
 * Makes a home of a backup: checks it as a whole first, then fills database, mirrors, conversations and, last, the configuration.
 * @throws FailureError when the home is not empty, or the backup is damaged, of a newer Cyrus or of another build
 */
export async function restore(options: RestoreOptions): Promise<RestoreSummary> {
  const { home, file, onProgress } = options;
  await refuseUsed(home);
  const manifest = await check(file);
  onProgress(`${file} is whole: made by Cyrus ${manifest.cyrus} at ${manifest.createdAt}`);
  await mkdir(home, { recursive: true, mode: 0o700 });
  await writeFile(join(home, unfinishedName), `${new Date(options.clock.now()).toISOString()} from ${file}\n`, { mode: 0o600 });
  const { files, bundles, config } = await placeFiles(options);
  const git = await besideGit(home, options.clock);
  for (const [name, bundle] of bundles) {
    await unbundle(git, home, name, bundle);
    await rm(bundle);
    onProgress(`work of ${name} that is on no remote`);
  }
  const database = await options.openDatabase();
  let rows: number;
  try {
    ({ rows } = await loadDatabase(database.connection, manifest.schema, databaseParts(file)));
  } catch (error) {
    if (!(error instanceof LoadError)) throw error;
    throw new FailureError({ class: 'invalid_request', message: error.message });
  } finally {
    await database.close();
  }
  onProgress(`database: ${rows} rows`);
  const draft = `${options.configFile}.new`;
  await writeFile(draft, config, { mode: 0o600 });
  await rename(draft, options.configFile);
  await rm(join(home, unfinishedName));
  return { manifest, rows, repositories: bundles.size, files };
}

async function refuseUsed(home: string): Promise<void> {
  const names = await readdir(home).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return [];
    throw new FailureError({ class: 'invalid_request', message: `${home} cannot be read: ${error.message}.` });
  });
  if (names.length === 0) return;
  const unfinished = names.includes(unfinishedName);
  throw new FailureError({
    class: 'invalid_request',
    message: unfinished ? `An earlier restore into ${home} did not finish.` : `${home} is not empty. Nothing was changed.`,
    fix: unfinished
      ? `Remove ${home} and restore again.`
      : 'Name an empty or new directory with --home, or move this one away first; stop the service before.',
  });
}

/** Reads all of it, so that nothing is begun with half a backup. */
async function check(file: string): Promise<Manifest> {
  let manifest: Manifest | undefined;
  for await (const { name, content } of readArchive(file)) {
    if (name === manifestName) manifest = parseManifest(content.toString('utf8'), file);
    if (manifest === undefined) throw notOurs(file);
    if (name === manifestName) checkVersion(manifest);
  }
  if (manifest === undefined) throw notOurs(file);
  return manifest;
}

const notOurs = (file: string): FailureError =>
  new FailureError({ class: 'invalid_request', message: `${file} is no backup of Cyrus. Nothing was changed.` });

function checkVersion(manifest: Manifest): void {
  try {
    checkDump(manifest.schema);
  } catch (error) {
    throw error instanceof LoadError ? new FailureError({ class: 'invalid_request', message: error.message }) : error;
  }
}

async function placeFiles({ home, file }: RestoreOptions): Promise<{ files: number; bundles: Map<string, string>; config: string }> {
  const placed = new Set<string>();
  const bundles = new Map<string, string>();
  let config = '{}\n';
  for await (const { name, content, mode } of readArchive(file)) {
    if (name === 'config.json') config = content.toString('utf8');
    if (name.startsWith('home/')) {
      const path = inside(home, name.slice('home/'.length), file);
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await appendFile(path, content, { mode: mode & 0o700 });
      placed.add(path);
    }
    if (name.startsWith('repos/')) {
      const mirror = name.slice('repos/'.length);
      const bundle = inside(home, `repos/${mirror}.bundle`, file);
      await mkdir(dirname(bundle), { recursive: true, mode: 0o700 });
      await appendFile(bundle, content, { mode: 0o600 });
      bundles.set(mirror, bundle);
    }
  }
  return { files: placed.size, bundles, config };
}

/** A name in an archive may say anything. */
function inside(home: string, path: string, file: string): string {
  const whole = normalize(join(home, path));
  if (!whole.startsWith(`${home}${sep}`) || path.split('/').some((part) => part === '..' || part === ''))
    throw new FailureError({ class: 'invalid_request', message: `${file} holds a file that belongs nowhere: ${path}.` });
  return whole;
}

async function* databaseParts(file: string): AsyncGenerator<DumpedPart> {
  for await (const { name, content } of readArchive(file)) {
    if (!name.startsWith('database/')) continue;
    if (name === 'database/sequences.json') {
      yield { kind: 'sequences', values: JSON.parse(content.toString('utf8')) as Record<string, number> };
      continue;
    }
    const table = name.slice('database/'.length, -'.ndjson'.length);
    const lines = content.toString('utf8').split('\n');
    yield { kind: 'rows', table, rows: lines.filter((line) => line !== '').map((line) => JSON.parse(line) as string) };
  }
}
