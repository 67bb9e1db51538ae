import { type FileHandle, mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from 'cyrus-core/clock';
import { isDiskFull } from 'cyrus-store/connection-lost';

/** One line of a spool: a thing that happened, as it will be stored. */
export interface SpoolLine {
  readonly seq: number;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly jobId: string;
  readonly event: Readonly<Record<string, unknown>> & { readonly type: string };
}

/** One attempt's file of events, which outlives the process and an outage of the database. */
export interface Spool {
  /** Resolves once the lines are on the disk. Calls are served in order. */
  append(lines: readonly SpoolLine[]): Promise<void>;
  /** How much the file holds. */
  size(): number;
  /** Closes the file, and removes it: everything in it is stored. */
  discard(): Promise<void>;
  /** Closes the file and leaves it to the next start. */
  close(): Promise<void>;
}

const suffix = '.ndjson';

export function spoolPath(directory: string, attemptId: string): string {
  return join(directory, `${encodeURIComponent(attemptId)}${suffix}`);
}

export interface SpoolOptions {
  readonly clock: Clock;
  /** Ends the waiting for room on the disk. */
  readonly givenUp: AbortSignal;
}

const roomMs = 1_000;

/** Opens the file of an attempt; what it already holds stays. A full disk makes whoever appends wait: no line is lost. */
export async function openSpool(directory: string, attemptId: string, { clock, givenUp }: SpoolOptions): Promise<Spool> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const path = spoolPath(directory, attemptId);
  const file: FileHandle = await open(path, 'a', 0o600);
  let size = (await file.stat()).size;
  // A line that a crash cut off must not swallow the next one.
  if (size > 0) await file.appendFile('\n');
  let tail: Promise<void> = Promise.resolve();
  let closed = false;
  const close = async (): Promise<void> => {
    await tail;
    if (!closed) await file.close();
    closed = true;
  };
  /** What a full disk cut off ends as a line of its own, which readers pass over; the same lines twice are stored once. */
  async function write(text: string): Promise<void> {
    for (let again = ''; ; again = '\n') {
      try {
        await file.appendFile(`${again}${text}`);
        await file.datasync();
        return;
      } catch (error) {
        if (!isDiskFull(error) || givenUp.aborted) throw error;
        await clock.sleep(roomMs, givenUp);
      }
    }
  }

  return {
    append(lines) {
      const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
      const written = tail.then(async () => {
        await write(text);
        size += Buffer.byteLength(text);
      });
      tail = written.catch(() => undefined);
      return written;
    },
    size: () => size,
    async discard() {
      await close();
      await rm(path, { force: true });
    },
    close,
  };
}

/** The attempts that left a file. */
export async function listSpools(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory).catch(() => [] as string[]);
  return names.filter((name) => name.endsWith(suffix)).map((name) => decodeURIComponent(name.slice(0, -suffix.length)));
}

/** What a file holds. A line that a crash cut off is left out: whoever wrote it had not been told that it was kept. */
export async function readSpool(directory: string, attemptId: string): Promise<readonly SpoolLine[]> {
  const text = await readFile(spoolPath(directory, attemptId), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const lines: SpoolLine[] = [];
  for (const line of text.split('\n')) {
    const parsed = parseLine(line);
    if (parsed) lines.push(parsed);
  }
  return lines;
}

function parseLine(line: string): SpoolLine | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== 'object' || value === null || !('seq' in value) || !('event' in value)) return undefined;
    return Number.isSafeInteger(value.seq) ? (value as SpoolLine) : undefined;
  } catch {
    return undefined;
  }
}
