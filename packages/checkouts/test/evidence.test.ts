import { chmod, mkdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Checkout } from '../src/checkout.ts';
import type { Mirror } from '../src/mirror.ts';
import { git, newSetting, type Setting, write } from './setting.ts';

let setting: Setting;
let mirror: Mirror;
let base: string;
let count = 0;
beforeAll(async () => {
  setting = await newSetting({ 'a.txt': 'one\ntwo\nthree\n', 'b.txt': 'b\n'.repeat(50), 'c.txt': 'c\n' });
  mirror = await setting.checkouts.mirror({ id: 'repo', remoteUrl: setting.upstream });
  await mirror.fetch();
  base = (await mirror.resolve('main')) ?? '';
});
afterAll(() => setting.end());

/** A commit on `from`, made in a checkout and collected. */
async function commit(change: (tree: string, checkout: Checkout) => Promise<void>, from = base): Promise<string> {
  const name = `work-${++count}`;
  const checkout = await setting.checkouts.create({ mirror, name, sha: from, branch: 'cyrus/x' });
  await change(checkout.directory, checkout);
  const collected = await setting.checkouts.collect({ mirror, checkout, attempt: name });
  await setting.checkouts.remove({ mirror, checkout, collected });
  return collected.sha;
}
const files = (changes: Record<string, string>) => (tree: string) => write(tree, changes);

describe('evidence', () => {
  test('tells every kind of change apart', async () => {
    const head = await commit(async (tree) => {
      await writeFile(join(tree, 'bin'), Buffer.from([0, 1, 2]));
      await rename(join(tree, 'b.txt'), join(tree, 'moved\tb.txt'));
      await rm(join(tree, 'c.txt'));
      await rm(join(tree, 'a.txt'));
      await symlink('elsewhere', join(tree, 'a.txt'));
      await writeFile(join(tree, 'new\n"line"'), '1\n2\n');
    });
    const evidence = await setting.checkouts.evidence({ mirror, base, head });
    expect(evidence.files).toEqual([
      { path: 'a.txt', status: 'typechange', insertions: 1, deletions: 3 },
      { path: 'bin', status: 'added' },
      { path: 'c.txt', status: 'deleted', insertions: 0, deletions: 1 },
      { path: 'moved\tb.txt', from: 'b.txt', status: 'renamed', insertions: 0, deletions: 0 },
      { path: 'new\n"line"', status: 'added', insertions: 2, deletions: 0 },
    ]);
    expect(evidence.totals).toEqual({ files: 5, insertions: 3, deletions: 4 });
  });

  test('a megabyte of subject, control characters and right-to-left text are only text', async () => {
    const head = await commit(async (tree) => {
      await write(tree, { 'message.txt': `\u202e💥 $(id) ${'x'.repeat(1_000_000)}` });
      await git(tree, 'add', '-A');
      await git(tree, 'commit', '-q', '-F', 'message.txt', '--author=  \u202eme <a@b>');
    });
    const { commits } = await setting.checkouts.evidence({ mirror, base, head });
    expect(commits).toHaveLength(1);
    expect(commits[0]?.subject).toMatch(/^\u202e💥 \$\(id\) x+$/u);
    expect(commits[0]?.subject.length).toBe(500);
    expect(commits[0]?.author).toBe('\u202eme');
  });

  test('a head that was not made on the base is seen', async () => {
    const work = await commit(files({ 'x.txt': 'x' }));
    const other = await commit(files({ 'y.txt': 'y' }));
    const orphan = await commit(async (tree) => {
      await git(tree, 'checkout', '-q', '--orphan', 'fresh');
      await git(tree, 'commit', '-q', '-m', 'no past');
    });
    const relation = async (head: string) => (await setting.checkouts.evidence({ mirror, base: work, head })).relation;
    expect([await relation(work), await relation(other), await relation(orphan)]).toEqual(['descends', 'diverged', 'unrelated']);
  });

  test('the patch is cut at the limit and says so', async () => {
    const head = await commit(files({ 'big.txt': 'line\n'.repeat(100_000) }));
    const cut = await setting.checkouts.diff({ mirror, base, head, maxBytes: 1_000 });
    expect([cut.text.length, cut.truncated]).toEqual([1_000, true]);
    expect((await setting.checkouts.diff({ mirror, base, head, maxBytes: 10_000_000 })).truncated).toBe(false);
  });

  test('a commit that is not there is no evidence', async () => {
    await expect(setting.checkouts.evidence({ mirror, base, head: 'f'.repeat(40) })).rejects.toMatchObject({
      failure: { class: 'no_evidence' },
    });
  });
});

describe('merge', () => {
  test('fast-forwards, in both directions', async () => {
    const head = await commit(files({ 'x.txt': 'x' }));
    const merged = { kind: 'merged', sha: head, fastForward: true };
    expect(await setting.checkouts.merge({ mirror, into: base, head, message: 'm' })).toEqual(merged);
    expect(await setting.checkouts.merge({ mirror, into: head, head: base, message: 'm' })).toEqual(merged);
  });

  test('joins two lines; made again it is the same commit', async () => {
    const [into, head] = [await commit(files({ 'a.txt': 'ONE\ntwo\nthree\n' })), await commit(files({ 'a.txt': 'one\ntwo\nTHREE\n' }))];
    const request = { mirror, into, head, message: 'Merge $(x)\n\nBody', ref: 'refs/cyrus/integration/plan-1' };
    const merged = await setting.checkouts.merge(request);
    if (merged.kind !== 'merged') throw new Error('conflicts');
    expect(await git(mirror.directory, 'show', `${merged.sha}:a.txt`)).toBe('ONE\ntwo\nTHREE');
    expect(await git(mirror.directory, 'log', '-1', '--format=%P|%B', merged.sha)).toBe(`${into} ${head}|Merge $(x)\n\nBody`);
    expect(await mirror.resolve('refs/cyrus/integration/plan-1')).toBe(merged.sha);
    expect(await setting.checkouts.merge(request)).toEqual(merged);
  });

  test('names the files in conflict, and writes nothing', async () => {
    const [into, head] = [
      await commit(files({ 'a.txt': 'x\n', 'é "q".txt': '1' })),
      await commit(files({ 'a.txt': 'y\n', 'é "q".txt': '2' })),
    ];
    expect(await setting.checkouts.merge({ mirror, into, head, message: 'm', ref: 'refs/cyrus/integration/none' })).toEqual({
      kind: 'conflicts',
      paths: ['a.txt', 'é "q".txt'],
      sides: [
        { path: 'a.txt', into: 'changed', head: 'changed' },
        { path: 'é "q".txt', into: 'added', head: 'added' },
      ],
      commits: [{ sha: into, subject: expect.any(String) }],
    });
    expect(await mirror.resolve('refs/cyrus/integration/none')).toBeUndefined();
  });

  test('says who deleted a file; no program that the repository names is run', async () => {
    const ran = join(setting.base, 'ran');
    const rules = { '.gitattributes': '* merge=theirs\n' };
    const deleted = await commit(async (tree) => {
      await write(tree, rules);
      await git(tree, 'config', 'merge.theirs.driver', `touch ${ran}`);
      await rm(join(tree, 'a.txt'));
      await git(tree, 'add', '-A');
      await git(tree, 'commit', '-q', '-m', 'Delete a');
    });
    const head = await commit(files({ ...rules, 'a.txt': 'changed\n' }));
    const merged = await setting.checkouts.merge({ mirror, into: deleted, head, message: 'm' });
    expect(merged).toMatchObject({
      sides: [{ path: 'a.txt', into: 'deleted', head: 'changed' }],
      commits: [{ sha: deleted, subject: 'Delete a' }],
    });
    await expect(stat(ran)).rejects.toThrow('ENOENT');
  });

  test('unrelated histories are refused', async () => {
    const orphan = await commit(async (tree) => {
      await git(tree, 'checkout', '-q', '--orphan', 'fresh');
      await git(tree, 'commit', '-q', '-m', 'no past');
    });
    await expect(setting.checkouts.merge({ mirror, into: base, head: orphan, message: 'm' })).rejects.toMatchObject({
      failure: { class: 'invalid_request', message: expect.stringContaining('no history') },
    });
  });
});

describe('checkouts', () => {
  test('a taken name, an unknown commit and a bad branch are refused', async () => {
    const create = (name: string, sha: string, branch: string) => setting.checkouts.create({ mirror, name, sha, branch });
    const taken = await create('taken', base, 'cyrus/x');
    for (const attempt of [
      () => create('taken', base, 'x'),
      () => create('a', 'f'.repeat(40), 'x'),
      () => create('a', base, '--x'),
      () => create('a', 'main', 'x'),
    ]) {
      await expect(attempt()).rejects.toMatchObject({ failure: { class: 'invalid_request' } });
    }
    expect(await setting.checkouts.list()).toEqual([taken]);
    expect(await setting.checkouts.find('taken')).toEqual(taken);
    await setting.checkouts.remove({ mirror, checkout: taken });
    await setting.checkouts.remove({ mirror, checkout: taken });
  });

  test('what was made to verify is deleted unsaved, read-only directories and all', async () => {
    const checkout = await setting.checkouts.create({ mirror, name: 'verify', sha: base, branch: 'cyrus/v', purpose: 'verify' });
    await mkdir(join(checkout.directory, 'cache/deep'), { recursive: true });
    await writeFile(join(checkout.directory, 'cache/deep/x'), 'x');
    await chmod(join(checkout.directory, 'cache/deep'), 0o500);
    await chmod(join(checkout.directory, 'cache'), 0o500);
    await setting.checkouts.remove({ mirror, checkout });
    expect(await setting.checkouts.find('verify')).toBeUndefined();
    expect(await mirror.resolve('refs/cyrus/wip/verify-removed')).toBeUndefined();
  });

  test('commits on whatever branch the agent is on are collected; its own merges and renames too', async () => {
    const head = await commit(async (tree) => {
      await git(tree, 'checkout', '-q', '-b', 'elsewhere');
      await write(tree, { 'e.txt': 'e' });
      await git(tree, 'add', '-A');
      await git(tree, 'commit', '-q', '-m', 'elsewhere');
      await git(tree, 'gc', '-q', '--prune=now');
    });
    expect((await setting.checkouts.evidence({ mirror, base, head })).commits.map((each) => each.subject)).toEqual(['elsewhere']);
  });

  test('a change of the same size in the moment after the checkout is not overlooked', async () => {
    const heads = await Promise.all(Array.from({ length: 12 }, () => commit(files({ 'a.txt': 'ONE\ntwo\nthree\n' }))));
    expect(heads).not.toContain(base);
  });

  test('a collection is given up when asked to', async () => {
    const checkout = await setting.checkouts.create({ mirror, name: 'aborted', sha: base, branch: 'cyrus/x' });
    const stop = new AbortController();
    const collecting = setting.checkouts.collect({ mirror, checkout, attempt: 'aborted', signal: stop.signal });
    stop.abort(new Error('stopped'));
    await expect(collecting).rejects.toThrow('stopped');
    await setting.checkouts.remove({ mirror, checkout });
  });
});
