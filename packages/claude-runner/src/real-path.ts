import { readlinkSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/**
 * Follows every symbolic link of an absolute path, also one that points to something not there yet: writing through it would create its target.
 * Parts that do not exist stay as written. Synchronous because a verdict on a tool call waits for it: a few `readlink` calls.
 */
export function realPath(path: string): string {
  let left = path.split('/').filter((part) => part !== '');
  let done = '/';
  for (let links = 0; left.length > 0; ) {
    const [part = '', ...rest] = left;
    left = rest;
    if (part === '.') continue;
    if (part === '..') {
      done = dirname(done);
      continue;
    }
    const next = resolve(done, part);
    const target = linkTarget(next);
    if (target === undefined) done = next;
    else if (++links > 40) return path;
    else {
      left = [...target.split('/').filter((piece) => piece !== ''), ...left];
      if (target.startsWith('/')) done = '/';
    }
  }
  return done;
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
