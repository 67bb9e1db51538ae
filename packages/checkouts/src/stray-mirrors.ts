import { readdir, rename, stat, utimes } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Instant } from 'cyrus-core/clock';
import { listGenerations } from './generation.ts';
import type { Git } from './git.ts';
import { removeTree } from './remove-tree.ts';

/** A mirror on the disk that belongs to no repository of the configuration: one that was taken out of it, or a submodule's. */
export interface StrayMirror {
  /** Where its first generation is or was. */
  readonly first: string;
  /** Its generations and its store of large files. */
  readonly directories: readonly string[];
  /** When somebody last opened it, fetched into it or wrote to it. */
  readonly lastUsedAt: Instant;
  /** How often this process had opened it when it was listed: one that was opened since is in use. */
  readonly opened: number;
  /** Why it has to stay; null: all that is in it can be had again. */
  readonly holds: string | null;
}

const touched = ['.', 'packed-refs', 'refs', 'refs/cyrus', 'refs/cyrus/wip', 'refs/remotes/origin', 'objects', 'objects/pack'];

/** Where mirrors begin that are not those of `configured`, names of directories such as `app.git`. */
export async function strayPlaces(repos: string, configured: ReadonlySet<string>): Promise<string[]> {
  const names = (await readdir(repos).catch(() => [])).map((name) => /^([^.].*\.git)(?:\.g\d+|\.lfs)?$/.exec(name)?.[1]);
  const strays = [...new Set(names.filter((name) => name !== undefined))].filter((name) => !configured.has(name));
  return strays.sort().map((name) => join(repos, name));
}

/** What there is of a mirror, and whether it holds anything that is nowhere else. `borrowed`: checkouts work with it. */
export async function readStray(git: Git, first: string, borrowed: boolean): Promise<Omit<StrayMirror, 'opened'>> {
  const generations = await listGenerations(first);
  const directories = [...generations, ...((await stat(`${first}.lfs`).catch(() => null)) ? [`${first}.lfs`] : [])];
  const times = await Promise.all(
    directories.flatMap((directory) =>
      touched.map((name) =>
        stat(join(directory, name)).then(
          (found) => found.mtimeMs,
          () => 0,
        ),
      ),
    ),
  );
  const current = generations.at(-1);
  const holds = borrowed ? 'checkouts work with it' : current === undefined ? null : await unpushed(git, current);
  return { first, directories, lastUsedAt: Math.max(0, ...times), holds };
}

/** A fetch that finds nothing new, or a checkout that begins here, would leave no trace of it. */
export async function markUsed(directory: string, now: Instant): Promise<void> {
  await utimes(directory, now / 1000, now / 1000).catch(() => undefined);
}

async function unpushed(git: Git, directory: string): Promise<string | null> {
  try {
    const args = ['rev-list', '--count', '--all', '--not', '--remotes'];
    const { stdout } = await git.run({ did: 'look for work that is not on the remote', gitDir: directory, args, background: true });
    const commits = Number(stdout.trim());
    return commits === 0 ? null : `it holds work that is on no remote (${commits} ${commits === 1 ? 'commit' : 'commits'})`;
  } catch (error) {
    return `it cannot be looked into (${error instanceof Error ? error.message : String(error)})`;
  }
}

/** Removes what was half deleted. */
export async function sweepStrays(repos: string): Promise<void> {
  const names = await readdir(repos).catch(() => []);
  for (const name of names.filter((each) => /^\..*\.gone$/.test(each))) await removeTree(join(repos, name));
}

/** Deletes a mirror with all that belongs to it. */
export async function deleteStray({ directories }: Pick<StrayMirror, 'directories'>): Promise<void> {
  for (const directory of directories) {
    const gone = join(dirname(directory), `.${basename(directory)}.gone`);
    await rename(directory, gone);
    await removeTree(gone);
  }
}
