import { constants } from 'node:fs';
import { type FileHandle, open, readlink, realpath } from 'node:fs/promises';
import { extname, resolve } from 'node:path';

const largestFileBytes = 10 * 1024 * 1024;

const types: Readonly<Record<string, string>> = {
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.gif': 'image/gif',
  '.webp': 'image/webp',
  '.mp4': 'video/mp4',
  '.webm': 'video/webm',
  '.pdf': 'application/pdf',
  '.txt': 'text/plain',
  '.log': 'text/plain',
  '.md': 'text/markdown',
  '.csv': 'text/csv',
  '.json': 'application/json',
};

export type AgentFile =
  | { readonly ok: true; readonly content: Buffer; readonly contentType: string; readonly isText: boolean }
  | { readonly ok: false; readonly why: string };

/**
 * Reads a file of an agent's checkout for the world outside. The agent may change the tree meanwhile: what was opened is looked at, not what its
 * path names, so no link leads anywhere else.
 */
export async function readAgentFile(root: string, path: string): Promise<AgentFile> {
  const no = (why: string): AgentFile => ({ ok: false, why });
  const contentType = types[extname(path).toLowerCase()];
  if (!contentType) return no(`Files of this kind are not attached. There are ${Object.keys(types).join(', ')}.`);
  let file: FileHandle | undefined;
  try {
    const inside = await realpath(root);
    file = await open(resolve(root, path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const opened = process.platform === 'linux' ? await readlink(`/proc/self/fd/${file.fd}`) : await realpath(resolve(root, path));
    if (!opened.startsWith(`${inside}/`)) return no('Only files of the working directory can be attached.');
    const { size, nlink } = await file.stat().then((stat) => (stat.isFile() ? stat : { size: -1, nlink: 1 }));
    // A second name may be one of a file elsewhere.
    if (size < 0 || nlink > 1) return no(`${path} is not a plain file.`);
    if (size > largestFileBytes) return no(`${path} is larger than ${largestFileBytes / 1024 / 1024} MB.`);
    const content = Buffer.alloc(size);
    await file.read(content, 0, size, 0);
    return { ok: true, content, contentType, isText: contentType.startsWith('text/') || contentType === 'application/json' };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return no(code === 'ENOENT' ? `There is no file ${path}.` : code === 'ELOOP' ? `${path} is a link.` : `${path} cannot be read.`);
  } finally {
    await file?.close();
  }
}
