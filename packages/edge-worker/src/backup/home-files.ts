import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { maxEntryBytes } from './archive.ts';

export interface HomeFile {
  /** Below the home, with `/`. */
  readonly path: string;
  readonly mode: number;
}

/** Plain files below a directory of the home; links and sockets are passed over. */
export async function listFiles(home: string, directory: string): Promise<readonly string[]> {
  const entries = await readdir(join(home, directory), { withFileTypes: true }).catch(() => []);
  const found: string[] = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory()) found.push(...(await listFiles(home, path)));
    else if (entry.isFile()) found.push(path);
  }
  return found;
}

/** A file's content in pieces that fit an archive; none when it is gone by now. One that grows meanwhile is read to where it was. */
export async function* readPieces(file: string): AsyncGenerator<{ readonly content: Buffer; readonly mode: number }> {
  const handle = await open(file, 'r').catch(() => undefined);
  if (!handle) return;
  try {
    const { size, mode } = await handle.stat();
    let at = 0;
    do {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(Math.min(maxEntryBytes, size - at)), 0, undefined, at);
      yield { content: buffer.subarray(0, bytesRead), mode };
      at += bytesRead;
      if (bytesRead === 0) return;
    } while (at < size);
  } finally {
    await handle.close();
  }
}
