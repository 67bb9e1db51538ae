import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

export interface LogFile {
  /** Never throws: a disk that is full, or gone, costs lines, not the service. How many is said once there is room. */
  write(line: string): void;
  close(): void;
}

export interface LogFileOptions {
  readonly path: string;
  /** Beyond this the file becomes `.1`, what was `.1` becomes `.2`, and the last goes. */
  readonly maxBytes: number;
  /** The current one included. */
  readonly files: number;
}

/** A file of lines that is bounded, readable by its owner alone. */
export function openLogFile({ path, maxBytes, files }: LogFileOptions): LogFile {
  let descriptor: number | undefined;
  let size = 0;
  let lost = 0;

  function open(): number {
    if (descriptor !== undefined) return descriptor;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    descriptor = openSync(path, 'a', 0o600);
    size = fstatSync(descriptor).size;
    return descriptor;
  }

  function close(): void {
    if (descriptor !== undefined) closeSync(descriptor);
    descriptor = undefined;
  }

  function rotate(): void {
    close();
    if (files === 1) renameQuietly(path, `${path}.old`);
    for (let n = files - 1; n >= 1; n--) renameQuietly(n === 1 ? path : `${path}.${n - 1}`, `${path}.${n}`);
  }

  function put(line: string): void {
    const bytes = Buffer.from(line);
    open();
    if (size > 0 && size + bytes.length > maxBytes) rotate();
    let at = 0;
    while (at < bytes.length) at += writeSync(open(), bytes, at);
    size += bytes.length;
  }

  return {
    write(line) {
      try {
        if (lost > 0) put(`${JSON.stringify({ level: 40, msg: `${lost} lines of this log are lost: they could not be written` })}\n`);
        lost = 0;
        put(line);
      } catch {
        lost++;
      }
    },
    close() {
      try {
        close();
      } catch {
        // It is closed one way or the other.
      }
    },
  };
}

function renameQuietly(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch {
    // It was not there.
  }
}
