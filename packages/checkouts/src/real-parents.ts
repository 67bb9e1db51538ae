import { lstat, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Whether a path out of a repository stays inside it and names nothing of git's own. */
export function isInnerPath(path: string): boolean {
  const parts = path.split('/');
  const bad = (part: string): boolean => part === '' || part === '.' || part === '..' || /^(?:\.git|git~1)$/i.test(part);
  return path.length < 4_096 && !path.startsWith('-') && !path.includes('\0') && !path.includes('\\') && !parts.some(bad);
}

/** Makes the directories above `root/path`. False: something else is in the way, such as a link that would lead elsewhere. */
export async function makeRealParents(root: string, path: string): Promise<boolean> {
  const parents = dirname(path)
    .split('/')
    .filter((part) => part !== '.' && part !== '');
  let at = root;
  for (const part of parents) {
    at = join(at, part);
    await mkdir(at).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    if (!(await lstat(at)).isDirectory()) return false;
  }
  return true;
}
