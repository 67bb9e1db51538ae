import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FailureError } from 'cyrus-core/failure';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Mirror } from '../src/mirror.ts';
import { takeRemoteBranch } from '../src/remote-branch.ts';
import { command, git, newSetting, type Setting } from './setting.ts';

let setting: Setting;
let mirror: Mirror;
let outside: string;
beforeAll(async () => {
  setting = await newSetting();
  outside = await mkdtemp(join(tmpdir(), 'checkouts-outside-'));
  mirror = await setting.checkouts.mirror({ id: 'repo', remoteUrl: setting.upstream });
  await mirror.fetch();
});
afterAll(async () => {
  await setting.end();
  await rm(outside, { recursive: true, force: true });
});

/** An object of any content, past git's own checks, in the upstream repository. */
async function object(type: string, content: string | Buffer): Promise<string> {
  const path = join(outside, 'object');
  await writeFile(path, content);
  return git(setting.upstream, 'hash-object', '-w', '--literally', '-t', type, path);
}
const entry = (mode: string, name: string, sha: string): Buffer =>
  Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(sha, 'hex')]);
async function branchOf(name: string, commit: string): Promise<string> {
  await git(setting.upstream, 'update-ref', `refs/heads/${name}`, commit);
  return name;
}
const treeCommit = async (...entries: readonly Buffer[]): Promise<string> => {
  const tree = await object('tree', Buffer.concat(entries));
  return git(setting.upstream, 'commit-tree', '-p', 'main', '-m', 'evil', tree);
};

/** The failure of taking a branch. */
async function refusal(branch: string, more: object = {}): Promise<FailureError['failure'] | undefined> {
  try {
    await takeRemoteBranch({ mirror, branch, attempt: branch, ...more });
    return undefined;
  } catch (error) {
    if (error instanceof FailureError) return error.failure;
    throw error;
  }
}
const taken = (attempt: string): Promise<string | undefined> => mirror.resolve(`refs/cyrus/wip/${attempt}`);

test('a branch is taken as it is, one that is not there is nothing', async () => {
  const commit = await treeCommit(entry('100644', 'fine.txt', await object('blob', 'fine')));
  const branch = await branchOf('fine', commit);
  expect(await takeRemoteBranch({ mirror, branch, attempt: 'fine' })).toBe(commit);
  expect(await taken('fine')).toBe(commit);
  expect(await takeRemoteBranch({ mirror, branch: 'nowhere', attempt: 'nowhere' })).toBeUndefined();
});

describe('of a branch that somebody else pushed, nothing is taken that', () => {
  const evil: readonly (readonly [string, () => Promise<string>])[] = [
    ['writes into .git', async () => treeCommit(entry('100644', '.git', await object('blob', 'gitdir: /elsewhere')))],
    [
      'leaves its directory',
      async () => treeCommit(entry('40000', '..', await object('tree', entry('100644', 'out', await object('blob', 'out'))))),
    ],
    [
      'has a submodule that is an option of git',
      async () => {
        const modules = await object('blob', '[submodule "x"]\n\tpath = x\n\turl = --upload-pack=touch /tmp/evil\n');
        return treeCommit(entry('100644', '.gitmodules', modules));
      },
    ],
    [
      'is a commit without a time',
      async () => {
        const tree = await object('tree', entry('100644', 'a', await object('blob', 'a')));
        const parent = await git(setting.upstream, 'rev-parse', 'main');
        return object('commit', `tree ${tree}\nparent ${parent}\nauthor nobody\ncommitter nobody\n\nx\n`);
      },
    ],
    [
      'is kept under the name of something else',
      async () => {
        const commit = await treeCommit(entry('100644', 'b', await object('blob', `told ${'x'.repeat(20)}`)));
        const blob = await git(setting.upstream, 'rev-parse', `${commit}:b`);
        const other = await object('blob', `else ${'x'.repeat(20)}`);
        const path = (sha: string): string => join(setting.upstream, 'objects', sha.slice(0, 2), sha.slice(2));
        await command('cp', ['-f', path(other), path(blob)], setting.upstream);
        return commit;
      },
    ],
  ];
  test.each(evil.map(([what, make], at) => [what, `evil-${at}`, make] as const))('%s', async (_what, name, make) => {
    const branch = await branchOf(name, await make());
    const failure = await refusal(branch);
    expect(failure).toMatchObject({
      class: 'no_evidence',
      message: expect.stringContaining(`The branch ${branch} holds what git does not take`),
    });
    expect(await taken(branch)).toBeUndefined();
  });

  test.each([
    ['in one file', 1],
    ['in many files', 110],
  ])('is larger than allowed, %s', async (_what, files) => {
    const entries: Buffer[] = [];
    for (let n = 0; n < files; n += 1) {
      // Random: what compresses is as small as what is sent.
      const blob = await object('blob', randomBytes(Math.ceil(4_000_000 / files)));
      entries.push(entry('100644', `f${String(n).padStart(4, '0')}`, blob));
    }
    const branch = await branchOf(`large-${files}`, await treeCommit(...entries));
    expect(await refusal(branch, { maxBytes: 2 * 1024 ** 2 })).toMatchObject({
      class: 'no_evidence',
      message: `The branch ${branch} brings more than 2 MB.`,
    });
    expect(await taken(branch)).toBeUndefined();
    expect(await refusal(branch, { maxBytes: 100_000_000 })).toBeUndefined();
    expect(await taken(branch)).toBeDefined();
  });
});
