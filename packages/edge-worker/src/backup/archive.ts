import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { finished, pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { FailureError } from 'cyrus-core/failure';
import { readTar, type TarEntry, TarError, tarEnd, tarHeader, tarPadding } from './tar.ts';

/** Files larger than this come in parts. */
export const maxEntryBytes: number = 8 * 1024 * 1024;
/** One row of the database may be larger; nothing that is meant is larger than this. */
const mostEntryBytes = 1024 * 1024 * 1024;
/** The last entry: how many there are before it and the hash over all of them. What has none is not whole. */
const endName = 'end.json';

export interface ArchiveWriter {
  add(name: string, content: Buffer | string, mode?: number): Promise<void>;
  /** Gives the file its name. Until then there is none; resolves with its size. */
  finish(): Promise<number>;
  /** Leaves nothing behind. */
  abandon(): Promise<void>;
}

/** Begins an archive, readable by its owner alone, that will be `file`. */
export async function createArchive(file: string): Promise<ArchiveWriter> {
  const draft = `${file}.part-${process.pid}`;
  const handle = await open(draft, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    throw new FailureError({ class: 'invalid_request', message: `${file} cannot be written: ${error.message}.` });
  });
  await handle.close();
  const gzip = createGzip({ level: 1 });
  const out = createWriteStream(draft, { mode: 0o600, flush: true });
  const piped = pipeline(gzip, out);
  // Told where it is awaited; unobserved it would end the process.
  piped.catch(() => undefined);
  const hash = createHash('sha256');
  let entries = 0;

  async function put(bytes: Buffer): Promise<void> {
    if (out.errored) throw out.errored;
    if (!gzip.write(bytes)) await Promise.race([new Promise<void>((resolve) => gzip.once('drain', resolve)), piped]);
  }

  async function add(name: string, content: Buffer | string, mode = 0o600): Promise<void> {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    hash.update(`${name}\0${bytes.length}\0`).update(bytes);
    entries++;
    await put(tarHeader({ name, size: bytes.length, mode }));
    await put(bytes);
    await put(tarPadding(bytes.length));
  }

  return {
    add,
    async finish() {
      const end = JSON.stringify({ entries, sha256: hash.digest('hex') });
      await put(
        Buffer.concat([tarHeader({ name: endName, size: end.length, mode: 0o600 }), Buffer.from(end), tarPadding(end.length), tarEnd]),
      );
      gzip.end();
      await piped;
      await finished(out);
      const written = await open(draft, 'r');
      const { size } = await written.stat();
      await written.sync();
      await written.close();
      await rename(draft, file);
      const directory = await open(dirname(file), 'r');
      await directory.sync().catch(() => undefined);
      await directory.close();
      return size;
    },
    async abandon() {
      gzip.destroy();
      out.destroy();
      await piped.catch(() => undefined);
      await rm(draft, { force: true });
    },
  };
}

/**
 * Reads an archive, entry by entry; throws at its end when it is not whole, so what it gives is to be trusted only then.
 * @throws FailureError `invalid_request`
 */
export async function* readArchive(file: string): AsyncGenerator<TarEntry> {
  const hash = createHash('sha256');
  let entries = 0;
  let end: { entries?: unknown; sha256?: unknown } | undefined;
  try {
    const source = createReadStream(file, { highWaterMark: 1024 * 1024 });
    const gunzip = createGunzip();
    const piped = pipeline(source, gunzip);
    piped.catch(() => undefined);
    for await (const entry of readTar(gunzip, mostEntryBytes)) {
      if (entry.name === endName) {
        end = JSON.parse(entry.content.toString('utf8')) as typeof end;
        continue;
      }
      hash.update(`${entry.name}\0${entry.size}\0`).update(entry.content);
      entries++;
      yield entry;
    }
  } catch (error) {
    throw unreadable(file, error);
  }
  if (end?.entries !== entries || end.sha256 !== hash.digest('hex'))
    throw unreadable(file, new TarError('parts of it are missing or changed'));
}

function unreadable(file: string, error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  const damaged = error instanceof TarError || error instanceof SyntaxError || code?.startsWith('Z_');
  if (!damaged && code === undefined) return error;
  return new FailureError({
    class: 'invalid_request',
    message: damaged ? `${file} is not a whole backup: ${message}. Nothing was changed.` : `${file} cannot be read: ${message}.`,
    fix: damaged ? 'Use another backup, or copy this one again.' : 'Name the file that `cyrus backup` wrote.',
  });
}
