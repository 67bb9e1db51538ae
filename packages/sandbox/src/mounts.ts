import { lstatSync } from 'node:fs';
import { dirname, isAbsolute, normalize } from 'node:path';
import type { SandboxSpec } from 'cyrus-core/ports/sandbox';

/**
 * bubblewrap arguments for the paths of `spec`, outer paths first so that an inner one wins.
 * @throws Error when a path is missing, or not absolute, or lies below a writable one behind a link:
 *   whoever wrote there could lead the mount to any place of the host
 */
export function mountArguments(spec: Pick<SandboxSpec, 'writable' | 'readable'>): string[] {
  const mounts = [
    ...spec.readable.map((path) => ({ flag: '--ro-bind', path: clean(path) })),
    ...spec.writable.map((path) => ({ flag: '--bind', path: clean(path) })),
  ].sort((a, b) => a.path.length - b.path.length);
  const writable = spec.writable.map(clean);
  for (const { path } of mounts) {
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) throw new Error(`${path} does not exist`);
    const outer = writable.find((candidate) => path.startsWith(`${candidate}/`));
    if (outer !== undefined) refuseLinks(outer, path);
  }
  return mounts.flatMap(({ flag, path }) => [flag, path, path]);
}

function refuseLinks(outer: string, path: string): void {
  for (let at = path; at !== outer; at = dirname(at)) {
    if (lstatSync(at).isSymbolicLink()) throw new Error(`${at} is a link inside a writable directory; it is not followed`);
  }
}

function clean(path: string): string {
  if (!isAbsolute(path) || path.includes('\0')) throw new Error(`${JSON.stringify(path)} is not an absolute path`);
  return normalize(path).replace(/(.)\/+$/, '$1');
}
