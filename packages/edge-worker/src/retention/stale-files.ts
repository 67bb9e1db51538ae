import { copyFile, readdir, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';

/** Removes the files of a directory that nobody has written to since `before` (epoch milliseconds). Resolves with their bytes. */
export async function removeStaleFiles(directory: string, before: number): Promise<{ readonly files: number; readonly bytes: number }> {
  let files = 0;
  let bytes = 0;
  for (const name of await readdir(directory).catch(() => [] as string[])) {
    const path = join(directory, name);
    const info = await stat(path).catch(() => null);
    if (!info?.isFile() || info.mtimeMs >= before) continue;
    await rm(path, { force: true });
    files++;
    bytes += info.size;
  }
  return { files, bytes };
}

/** A log that another program appends to: beyond `maxBytes` it becomes `.1` and begins anew. Lines of that moment may be lost. */
export async function boundLog(path: string, maxBytes: number): Promise<boolean> {
  const info = await stat(path).catch(() => null);
  if (!info || info.size <= maxBytes) return false;
  // On a disk that is full the copy is what is done without.
  await copyFile(path, `${path}.1`).catch(() => rm(`${path}.1`, { force: true }));
  await truncate(path);
  return true;
}
