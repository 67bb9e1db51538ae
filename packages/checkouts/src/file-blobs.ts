import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';

/** Shorter ones may be the same by chance: an empty file, a single word. */
const shortest = 16;
const longest = 16 * 1024 ** 2;

/** The names git would have for the contents of files as they are now, with the path of each. What is no plain file is left out, as is what is short. */
export async function fileBlobs(root: string, paths: readonly string[], format: 'sha1' | 'sha256'): Promise<ReadonlyMap<string, string>> {
  const blobs = new Map<string, string>();
  for (const path of paths) {
    const handle = await open(join(root, path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(() => undefined);
    if (handle === undefined) continue;
    try {
      const found = await handle.stat();
      if (!found.isFile() || found.size < shortest || found.size > longest) continue;
      const content = await handle.readFile();
      blobs.set(createHash(format).update(`blob ${content.length}\0`).update(content).digest('hex'), path);
    } finally {
      await handle.close();
    }
  }
  return blobs;
}
