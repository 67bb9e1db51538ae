import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { FailureError } from 'cyrus-core/failure';
import type { Git } from './git.ts';

/** Moves a broken mirror out of the way; it is deleted only when everything of ours in it is in the new one. */
export async function setAsideMirror(directory: string): Promise<void> {
  const taken = await setAside(directory);
  await rename(directory, `${directory}.old-${taken.length + 1}`);
}

async function setAside(directory: string): Promise<string[]> {
  const names = await readdir(dirname(directory));
  return names.filter((name) => name.startsWith(`${basename(directory)}.old-`)).map((name) => join(dirname(directory), name));
}

/**
 * Brings what mirrors set aside hold under `refs/cyrus/` into the mirror, one ref at a time, so that one broken object costs
 * one ref. What cannot be read now stays where it is and is tried again after the next fetch.
 */
export async function salvage(git: Git, directory: string): Promise<void> {
  for (const old of await setAside(directory)) {
    const refs = await ownRefs(git, old);
    if (refs === undefined) continue;
    const outcomes: boolean[] = [];
    for (const ref of refs) outcomes.push(await bringOver(git, old, directory, ref));
    if (outcomes.every((brought) => brought)) await rm(old, { recursive: true, force: true });
  }
}

/** Undefined when not even the list can be read. */
async function ownRefs(git: Git, old: string): Promise<readonly string[] | undefined> {
  // The least git asks of a repository, in case this is what was lost. Neither file ever says anything else here.
  await mkdir(join(old, 'refs'), { recursive: true });
  await mkdir(join(old, 'objects'), { recursive: true });
  await writeFile(join(old, 'HEAD'), 'ref: refs/heads/main\n');
  await writeFile(join(old, 'config'), '[core]\n\trepositoryformatversion = 0\n\tbare = true\n');
  try {
    const args = ['for-each-ref', '--format=%(refname)', 'refs/cyrus/'];
    const { stdout } = await git.run({ did: 'read the refs set aside', gitDir: old, args });
    return stdout.split('\n').filter((line) => line !== '');
  } catch (error) {
    if (error instanceof FailureError) return undefined;
    throw error;
  }
}

async function bringOver(git: Git, old: string, directory: string, ref: string): Promise<boolean> {
  try {
    await git.run({
      did: `bring over ${ref}`,
      gitDir: directory,
      config: { 'protocol.file.allow': 'always' },
      timeoutMs: 5 * 60_000,
      args: [
        ...['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', '--no-auto-maintenance', '--no-recurse-submodules', '--refmap='],
        ...['--', old, `${ref}:${ref}`],
      ],
    });
    return true;
  } catch (error) {
    if (error instanceof FailureError) return false;
    throw error;
  }
}
