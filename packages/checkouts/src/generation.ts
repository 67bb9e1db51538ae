import { copyFile, readdir, rename, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Git } from './git.ts';
import { objectIdPattern } from './names.ts';
import { removeTree } from './remove-tree.ts';

/*
 * A mirror never drops an object, since checkouts borrow from it. Space is taken back by a new one beside it, a generation, that
 * has only what refs lead to; the old one goes when nothing borrows from it any more. `NAME.git` is the first, `NAME.git.g2` the next.
 */

export const defaultBranchFile = 'cyrus-default-branch';
const copyTimeoutMs = 60 * 60_000;

/** Every generation there is of the mirror that began in `first`, the oldest first. */
export async function listGenerations(first: string): Promise<string[]> {
  const names = await readdir(dirname(first)).catch(() => []);
  const prefix = `${basename(first)}.g`;
  const later = names
    .filter((name) => name.startsWith(prefix) && /^[1-9]\d*$/.test(name.slice(prefix.length)))
    .sort((a, b) => Number(a.slice(prefix.length)) - Number(b.slice(prefix.length)));
  return [...names.filter((name) => name === basename(first)), ...later].map((name) => join(dirname(first), name));
}

/** The directory to work in: the newest generation, or where the first one is to be made. */
export async function currentGeneration(first: string): Promise<string> {
  return (await listGenerations(first)).at(-1) ?? first;
}

function numberOf(first: string, directory: string): number {
  return directory === first ? 1 : Number(directory.slice(first.length + 2));
}

/** An empty bare repository, made aside and renamed: it is there whole or not at all. `fill` works in the draft. */
export async function makeMirror(
  git: Git,
  directory: string,
  fill: (draft: string) => Promise<void> = async () => undefined,
): Promise<void> {
  const draft = `${directory}.new`;
  await git.run({ did: 'make the mirror', args: ['init', '--quiet', '--bare', '--template=', draft], cwd: '/' });
  await writeFile(
    join(draft, 'config'),
    '[core]\n\trepositoryformatversion = 0\n\tbare = true\n[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n',
  );
  await fill(draft);
  await rename(draft, directory);
}

/**
 * Makes the next generation: everything refs of the current one lead to, and the commits `keep`. Gives its directory. The caller
 * holds the mirror's lock alone.
 */
export async function makeGeneration(
  git: Git,
  first: string,
  keep: readonly string[],
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<string> {
  const current = await currentGeneration(first);
  const next = `${first}.g${numberOf(first, current) + 1}`;
  const run = (did: string, gitDir: string, args: readonly string[], input?: string) =>
    git.run({
      did,
      gitDir,
      args,
      timeoutMs: copyTimeoutMs,
      background: true,
      config: { 'protocol.file.allow': 'always', 'fetch.unpackLimit': '1' },
      ...(input === undefined ? {} : { input }),
      ...options,
    });
  const wanted = [...new Set(keep.filter((sha) => objectIdPattern.test(sha)))];
  const checked = await run('look for commits', current, ['cat-file', '--batch-check'], `${wanted.join('\n')}\n`);
  const there = new Set(wanted.filter((sha) => checked.stdout.includes(`${sha} commit`)));
  const kept = await run('list what is kept', current, ['for-each-ref', '--format=%(refname) %(objectname)', 'refs/cyrus/keep/']);
  const before = kept.stdout.split('\n').flatMap((line) => (line === '' ? [] : [line.split(' ')[1] ?? '']));
  const commands = [
    ...before.filter((sha) => !there.has(sha)).map((sha) => `delete refs/cyrus/keep/${sha}`),
    ...[...there].map((sha) => `update refs/cyrus/keep/${sha} ${sha}`),
  ];
  if (commands.length > 0) await run('mark what is kept', current, ['update-ref', '--stdin'], `${commands.join('\n')}\n`);
  const refs = await run('list the refs', current, ['for-each-ref', '--count=1', '--format=%(refname)']);
  await makeMirror(git, next, async (draft) => {
    const flags = ['--quiet', '--no-tags', '--no-write-fetch-head', '--no-auto-maintenance', '--no-recurse-submodules', '--refmap='];
    if (refs.stdout !== '') await run('copy the mirror', draft, ['fetch', ...flags, '--', current, '+refs/*:refs/*']);
    await copyFile(join(current, defaultBranchFile), join(draft, defaultBranchFile)).catch(() => undefined);
  });
  return next;
}

/** Deletes every generation but the newest that none of `borrowed`, directories of objects, belongs to; gives those deleted. */
export async function dropGenerations(first: string, borrowed: ReadonlySet<string>): Promise<string[]> {
  const unused = await unusedGenerations(first, borrowed);
  for (const directory of unused) {
    // Renamed first: what stands under a generation's name is whole.
    await rename(directory, `${directory}.gone`);
    await removeTree(`${directory}.gone`);
  }
  return unused;
}

export async function unusedGenerations(first: string, borrowed: ReadonlySet<string>): Promise<string[]> {
  return (await listGenerations(first)).slice(0, -1).filter((directory) => !borrowed.has(join(directory, 'objects')));
}

/** Removes what was half made or half deleted. */
export async function sweepGenerations(first: string): Promise<void> {
  const names = await readdir(dirname(first)).catch(() => []);
  const mine = names.filter(
    (name) => name === `${basename(first)}.new` || (name.startsWith(`${basename(first)}.`) && /\.(?:new|gone)$/.test(name)),
  );
  for (const each of mine) await removeTree(join(dirname(first), each));
}
