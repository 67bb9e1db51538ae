import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Checkout } from '../src/checkout.ts';
import type { Mirror } from '../src/mirror.ts';
import { git, identity, newSetting, noBubblewrap, type Setting, sandbox, write } from './setting.ts';

let setting: Setting;
let mirror: Mirror;
beforeEach(async () => {
  setting = await newSetting();
  mirror = await setting.checkouts.mirror({ id: 'repo', remoteUrl: setting.upstream });
});
afterEach(() => setting.end());

async function checkout(name = 'attempt-1'): Promise<Checkout> {
  const { defaultBranch } = await mirror.fetch();
  const sha = (await mirror.resolve(defaultBranch)) ?? '';
  return setting.checkouts.create({ mirror, name, sha, branch: 'cyrus/eng-1-fix' });
}

describe('the way of an attempt', () => {
  test('create, work, collect, evidence, push, remove', async () => {
    const made = await checkout();
    expect(await readFile(join(made.directory, 'src/a.txt'), 'utf8')).toBe('one\ntwo\nthree\n');
    expect(await git(made.directory, 'status', '--porcelain', '--branch')).toBe('## cyrus/eng-1-fix');
    expect(await git(made.directory, 'config', 'user.name')).toBe('Cyrus "the" Test');
    expect(await git(made.directory, 'remote')).toBe('');
    await write(made.directory, { 'src/a.txt': 'one\n2\nthree\n', 'new file.txt': 'x\n' });
    await git(made.directory, 'add', '-A');
    await git(made.directory, 'commit', '-q', '-m', 'Fix the parser');
    const head = await git(made.directory, 'rev-parse', 'HEAD');

    const collected = await setting.checkouts.collect({ mirror, checkout: made, attempt: 'attempt-1' });
    expect(collected).toEqual({ ref: 'refs/cyrus/wip/attempt-1', sha: head, committedSha: head, uncommitted: false, changed: true });

    const range = { mirror, base: made.baseSha, head };
    const evidence = await setting.checkouts.evidence(range);
    expect(evidence).toMatchObject({
      relation: 'descends',
      commits: [{ sha: head, subject: 'Fix the parser', author: 'A Person' }],
      commitCount: 1,
      files: [
        { path: 'new file.txt', status: 'added', insertions: 1, deletions: 0 },
        { path: 'src/a.txt', status: 'modified', insertions: 1, deletions: 1 },
      ],
      totals: { files: 2, insertions: 2, deletions: 1 },
    });
    expect((await setting.checkouts.diff({ ...range, maxBytes: 10_000 })).text).toContain('-two\n+2\n');

    const push = { mirror, sha: head, branch: 'cyrus/eng-1-fix', lease: null };
    expect(await setting.checkouts.push({ ...push, remoteUrl: setting.upstream })).toEqual({ kind: 'pushed', alreadyThere: false });
    expect(await git(setting.upstream, 'rev-parse', 'cyrus/eng-1-fix')).toBe(head);

    await setting.checkouts.remove({ mirror, checkout: made, collected });
    expect(await setting.checkouts.list()).toEqual([]);
    await expect(access(made.directory)).rejects.toThrow();
    expect(await mirror.resolve(collected.ref)).toBe(head);
  });

  test('what was not committed is collected too, and the checkout is left as it was', async () => {
    const made = await checkout();
    await write(made.directory, { 'src/a.txt': 'changed\n', 'deep/er/new.txt': 'x', ignored: 'x', '.git/info/exclude': 'ignored\n' });
    await git(made.directory, 'add', 'deep');
    const before = await git(made.directory, 'status', '--porcelain');
    const first = await setting.checkouts.collect({ mirror, checkout: made, attempt: 'a' });
    expect(first).toMatchObject({ uncommitted: true, changed: true, committedSha: made.baseSha });
    expect(await git(made.directory, 'status', '--porcelain')).toBe(before);
    const { files, commits } = await setting.checkouts.evidence({ mirror, base: made.baseSha, head: first.sha });
    expect(files.map((file) => [file.path, file.status])).toEqual([
      ['deep/er/new.txt', 'added'],
      ['src/a.txt', 'modified'],
    ]);
    expect(commits).toMatchObject([{ subject: 'Work in progress' }]);
    expect(await setting.checkouts.collect({ mirror, checkout: made, attempt: 'a' })).toEqual(first);
  });

  test.skipIf(noBubblewrap)('an agent in the sandbox commits, and cannot write into the mirror', async () => {
    const made = await checkout();
    const script = `echo agent > agent.txt && git add -A && git commit -q -m 'From inside' && git log --format=%s%an | head -1
      rm -rf ${mirror.objectsDirectory}/* 2>/dev/null; touch ${mirror.objectsDirectory}/x 2>/dev/null || echo held; ls ${mirror.directory} ${setting.root}/checkouts`;
    const run = sandbox.spawn({
      runId: 'agent-commits',
      command: '/bin/sh',
      args: ['-c', script],
      cwd: made.directory,
      env: { PATH: '/usr/bin:/bin', HOME: '/tmp' },
      writable: [made.directory],
      readable: made.readable,
      network: 'none',
    });
    let printed = '';
    for await (const chunk of run.child.stdout ?? []) printed += chunk;
    expect(printed.split('\n')).toEqual([
      `From inside${identity.name}`,
      'held',
      `${setting.root}/checkouts:`,
      'attempt-1',
      '',
      `${mirror.directory}:`,
      'objects',
      '',
    ]);
    expect(await setting.checkouts.collect({ mirror, checkout: made, attempt: 'a' })).toMatchObject({ changed: true, uncommitted: false });
  });

  test('nothing done is no change', async () => {
    const made = await checkout();
    expect(await setting.checkouts.collect({ mirror, checkout: made, attempt: 'a' })).toMatchObject({ changed: false, uncommitted: false });
  });

  test('the work goes on in a new checkout of what was saved', async () => {
    const made = await checkout();
    await write(made.directory, { 'b.txt': 'half' });
    await setting.checkouts.remove({ mirror, checkout: made });
    const saved = await mirror.resolve('refs/cyrus/wip/attempt-1-removed');
    const next = await setting.checkouts.create({ mirror, name: 'attempt-2', sha: saved ?? '', branch: 'cyrus/eng-1-fix' });
    expect(await readFile(join(next.directory, 'b.txt'), 'utf8')).toBe('half');
  });
});
