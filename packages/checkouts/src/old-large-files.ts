import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Instant } from 'cyrus-core/clock';
import { lfsPointers, lfsUse, newPointers } from './lfs.ts';
import type { Mirror } from './mirror.ts';

export interface OldLargeFiles {
  readonly directory: string;
  readonly files: readonly string[];
  readonly bytes: number;
}

/**
 * Large files that came before `before` (epoch milliseconds), that the default branch does not have and no work needs that is not on the
 * remote: they are fetched again where a commit wants them. The caller holds the mirror's lock alone.
 */
export async function oldLargeFiles(mirror: Mirror, before: Instant): Promise<OldLargeFiles> {
  const directory = join(`${mirror.directory.replace(/\.g\d+$/, '')}.lfs`, 'objects');
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  const old: { readonly file: string; readonly oid: string; readonly bytes: number }[] = [];
  for (const entry of entries) {
    if (!entry.isFile() || !/^[0-9a-f]{64}$/.test(entry.name)) continue;
    const file = join(entry.parentPath, entry.name);
    const found = await stat(file).catch(() => undefined);
    if (found && found.mtimeMs < before) old.push({ file, oid: entry.name, bytes: found.size });
  }
  if (old.length === 0) return { directory, files: [], bytes: 0 };
  const branch = await mirror.defaultBranch();
  const tip = branch === undefined ? undefined : await mirror.resolve(branch);
  const use = tip === undefined ? undefined : await lfsUse(mirror, tip);
  const current = tip === undefined || use === undefined ? [] : await lfsPointers(mirror, tip, use.files);
  const needed = new Set([...current, ...(await newPointers(mirror, '--all'))].map(({ oid }) => oid));
  const dead = old.filter(({ oid }) => !needed.has(oid));
  return { directory, files: dead.map(({ file }) => file), bytes: dead.reduce((sum, { bytes }) => sum + bytes, 0) };
}

export async function deleteLargeFiles({ files }: OldLargeFiles): Promise<void> {
  for (const file of files) await rm(file, { force: true });
}
