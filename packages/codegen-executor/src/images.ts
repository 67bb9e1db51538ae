import { readdir, readFile, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';

const types: Readonly<Record<string, string>> = {
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.gif': 'image/gif',
  '.webp': 'image/webp',
};
const mostImages = 10;
const mostBytes = 5 * 1024 * 1024;

/** The images of a request that its prompt names, as base64 data URIs. Too many, and what is too large, is left out. */
export async function imagesOf(directory: string | undefined, prompt: string): Promise<readonly string[]> {
  if (directory === undefined) return [];
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries
    .filter((entry) => entry.isFile() && Object.hasOwn(types, extname(entry.name).toLowerCase()))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => prompt.includes(file))
    .sort()
    .slice(0, mostImages);
  const images = await Promise.all(
    files.map(async (file) => {
      if ((await stat(file)).size > mostBytes) return [];
      return [`data:${types[extname(file).toLowerCase()]};base64,${(await readFile(file)).toString('base64')}`];
    }),
  );
  return images.flat();
}
