import { readdir, rm, stat } from 'node:fs/promises';
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
