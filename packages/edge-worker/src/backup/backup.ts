import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from 'cyrus-core/clock';
import { dumpDatabase } from 'cyrus-store/backup/dump';
import type { ConnectionConfig } from 'cyrus-store/connection';
import { type ArchiveWriter, createArchive } from './archive.ts';
import { configWithoutSecrets } from './config-without-secrets.ts';
import { listFiles, readPieces } from './home-files.ts';
import { format, type Manifest, manifestName } from './manifest.ts';
import { besideGit, bundleUnpushed, listMirrors } from './unpushed.ts';

export interface BackupOptions {
  readonly home: string;
  readonly configFile: string;
  readonly connection: ConnectionConfig;
  /** What will be the backup. */
  readonly file: string;
  readonly version: string;
  readonly clock: Clock;
  /** Known secrets taken out of a text; nothing else of it is changed. */
  readonly mask: (text: string) => string;
  readonly onProgress: (line: string) => void;
}

export interface BackupSummary {
  readonly bytes: number;
  readonly rows: number;
  readonly repositories: number;
  readonly files: number;
  /** Secrets of the configuration that are not in it. */
  readonly left: readonly string[];
}

/**
 * Directories of the home whose files come along: conversations of agents, what they said that is not in the database yet, files that
 * wait to be uploaded, prompts of people's own.
 */
const directories = ['conversations', 'logs/attempts', 'uploads', 'prompts'];
const megabyte = 1024 * 1024;

/**
 * Writes everything that cannot be had again into one file, while the service runs: the database as of one moment, the work that
 * is on no remote, the agents' conversations, what waits to be uploaded, the configuration without secrets. Mirrors and checkouts are made again.
 * @throws FailureError; a file is there only when all of it was written
 */
export async function backup(options: BackupOptions): Promise<BackupSummary> {
  const archive = await createArchive(options.file);
  try {
    const summary = await fill(options, archive);
    return { ...summary, bytes: await archive.finish() };
  } catch (error) {
    await archive.abandon();
    throw error;
  }
}

async function fill(options: BackupOptions, archive: ArchiveWriter): Promise<Omit<BackupSummary, 'bytes'>> {
  const { home, onProgress } = options;
  const raw = await readFile(options.configFile, 'utf8').catch(() => '{}');
  const { config, left } = configWithoutSecrets(JSON.parse(raw.replace(/^\uFEFF/, '')) as unknown);
  // The database first: whatever it speaks of is in the mirrors by then.
  const rows = await addDatabase(options, archive, left);
  await archive.add('config.json', `${JSON.stringify(config, null, 2)}\n`);
  const repositories = await addUnpushed(options, archive);
  let files = 0;
  let bytes = 0;
  for (const directory of directories) {
    for (const path of await listFiles(home, directory)) {
      let piece = 0;
      for await (const { content, mode } of readPieces(join(home, path))) {
        // A file larger than one entry goes on in the next of the same name.
        await archive.add(`home/${path}`, content, mode);
        bytes += content.length;
        piece++;
      }
      files += piece > 0 ? 1 : 0;
    }
  }
  onProgress(`conversations and notes of agents, waiting uploads, prompts: ${files} files, ${megabytes(bytes)}`);
  return { rows, repositories, files, left };
}

async function addDatabase(options: BackupOptions, archive: ArchiveWriter, left: readonly string[]): Promise<number> {
  const { connection, version, clock, mask, onProgress } = options;
  const counts = new Map<string, number>();
  let bytes = 0;
  await dumpDatabase(connection, {
    async schema(schema) {
      const manifest: Manifest = { format, cyrus: version, createdAt: new Date(clock.now()).toISOString(), schema, left };
      await archive.add(manifestName, JSON.stringify(manifest, null, 2));
    },
    async rows(table, rows) {
      for (const part of inParts(rows, 4 * megabyte)) {
        const text = part.map((row) => `${JSON.stringify(mask(row))}\n`).join('');
        await archive.add(`database/${table}.ndjson`, text);
        bytes += text.length;
      }
      counts.set(table, (counts.get(table) ?? 0) + rows.length);
    },
    sequences: (values) => archive.add('database/sequences.json', JSON.stringify(values)),
  });
  const rows = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const largest = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 3);
  onProgress(`database: ${rows} rows, ${megabytes(bytes)} (${largest.map(([name, count]) => `${name} ${count}`).join(', ')})`);
  return rows;
}

async function addUnpushed({ home, clock, onProgress }: BackupOptions, archive: ArchiveWriter): Promise<number> {
  const git = await besideGit(home, clock);
  let count = 0;
  for (const { name, directory } of await listMirrors(home)) {
    const file = join(home, 'repos', `.backup-${process.pid}.bundle`);
    try {
      const size = await bundleUnpushed(git, directory, file);
      if (size === undefined) continue;
      for await (const { content } of readPieces(file)) await archive.add(`repos/${name}`, content);
      onProgress(`work of ${name} that is on no remote: ${megabytes(size)}`);
      count++;
    } finally {
      await rm(file, { force: true });
    }
  }
  return count;
}

/** Rows in groups whose text stays below `bytes`, one row at least. */
export function* inParts(rows: readonly string[], bytes: number): Generator<readonly string[]> {
  let part: string[] = [];
  let size = 0;
  for (const row of rows) {
    if (part.length > 0 && size + row.length > bytes) {
      yield part;
      part = [];
      size = 0;
    }
    part.push(row);
    size += row.length;
  }
  if (part.length > 0) yield part;
}

export const megabytes = (bytes: number): string => `${(bytes / megabyte).toFixed(bytes < 10 * megabyte ? 1 : 0)} MB`;
