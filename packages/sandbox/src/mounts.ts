import { lstatSync } from 'node:fs';
import { dirname, isAbsolute, normalize } from 'node:path';
import type { SandboxSpec } from 'cyrus-core/ports/sandbox';

/** A path of the host and where it is shown. */
export interface Mount {
  readonly from: string;
  readonly to: string;
  readonly writable: boolean;
}

/**
 * The paths of `spec`, outer paths first so that an inner one wins.
 * @throws Error when a path is missing, or not absolute, or lies below a writable one behind a link:
 *   whoever wrote there could lead the mount to any place of the host
 */
export function mountsOf(spec: Pick<SandboxSpec, 'writable' | 'readable'>): readonly Mount[] {
  const mounts = [
    ...spec.readable.map((path) => ({ writable: false, path: clean(path) })),
    ...spec.writable.map((path) => ({ writable: true, path: clean(path) })),
  ].sort((a, b) => a.path.length - b.path.length);
  const writable = spec.writable.map(clean);
  for (const { path } of mounts) {
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) throw new Error(`${path} does not exist`);
    const outer = writable.find((candidate) => path.startsWith(`${candidate}/`));
    if (outer !== undefined) refuseLinks(outer, path);
  }
  return mounts.map(({ writable: open, path }) => ({ from: path, to: path, writable: open }));
}

/** bubblewrap arguments for them. @throws Error as `mountsOf` */
export function mountArguments(spec: Pick<SandboxSpec, 'writable' | 'readable'>): string[] {
  return mountsOf(spec).flatMap(({ from, to, writable }) => [writable ? '--bind' : '--ro-bind', from, to]);
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
