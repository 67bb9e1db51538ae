import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from 'cyrus-core/clock';
import { keepBranches, madeByRun } from 'cyrus-core/domain/branches-before';
import type { CheckoutInfo, Evidence } from 'cyrus-core/domain/plan';
import { type Failure, FailureError } from 'cyrus-core/failure';
import { type GitHubStandIn, startGitHub } from 'cyrus-stand-in-github/server';
import { type TestDatabase, testDatabase } from 'cyrus-store/testing/database';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createPerformers } from '../src/broker/performers.ts';
import { createGithubCredentials } from '../src/github-credentials.ts';
import type { JobOutcome } from '../src/supervisor/job-runner.ts';
import { Cloud } from './support/cloud.ts';
import { configOf } from './support/config.ts';
import { bestSandbox } from './support/hosts.ts';
import { type Jobs, jobsFor } from './support/jobs.ts';
import { repositoryAt } from './support/repository.ts';
import { temporary } from './support/supervisor.ts';

let database: TestDatabase;
let github: GitHubStandIn;
let home: Awaited<ReturnType<typeof temporary>>;
let jobs: Jobs;
let cloud: Cloud;
let config: { readonly github: object; readonly repositories: readonly object[]; readonly limits: object };
let base: string;
let cloneUrl: string;
let directory: string;
const repository = 'acme/app';

beforeEach(async () => {
  [database, github, home] = await Promise.all([testDatabase(), startGitHub(), temporary()]);
  ({ cloneUrl, directory } = await github.createRepository({ owner: 'acme', name: 'app' }));
  config = {
    github: { apiUrl: github.url, token: 'ghp_local' },
    repositories: [{ id: 'r', remoteUrl: cloneUrl }],
    limits: { maxFileMb: 0.01 },
  };
  cloud = new Cloud();
  const executors = new Map([['sky', cloud.executor()]]);
  jobs = await jobsFor({ home: join(home.path, 'home'), db: database.db, sandbox: bestSandbox, config, executors });
  base = (await prepared()).baseSha;
});
afterEach(async () => {
  await Promise.all([database.stop(), github.stop()]);
  await home.remove();
});

const payload = { repositoryId: 'r', taskId: 't', attemptId: 'a1', branch: 'cyrus/eng-1', startFrom: null, reuse: false };
const prepared = (more: object = {}): Promise<CheckoutInfo> =>
  jobs.result('prepare', { ...payload, pushBranch: 'cyrus/eng-1-a1', ...more });
const pushed = async (branch: string, files: Record<string, string>): Promise<string> =>
  (await github.people.push({ repository, branch, files })).sha;
const where = (more: object = {}) => ({
  repositoryId: 'r',
  attemptId: 'a1',
  baseSha: base,
  remote: {
    ...{ executorId: 'sky', ref: { executorId: 'sky', runId: 'r1' }, startSha: base, pushBranch: 'cyrus/eng-1-a1' },
    ...{ baseBranch: 'main', notThese: ['main', 'cyrus/eng-1'], repositoryName: repository, waitMs: 0 },
    ...more,
  },
});
interface Collected {
  readonly headSha: string | null;
  readonly evidence: Evidence | null;
  readonly run: { branch?: string; branchSha?: string; pullRequestUrl?: string };
  readonly missing?: string;
}
const collect = (more: object = {}): Promise<Collected> => jobs.result('collect', where(more));
const failureOf = async (run: () => Promise<JobOutcome>): Promise<Failure | undefined> => {
  try {
    const outcome = await run();
    return 'failure' in outcome ? outcome.failure : undefined;
  } catch (error) {
    if (error instanceof FailureError) return error.failure;
    throw error;
  }
};
const refused = (more: object): Promise<Failure | undefined> => {
  return failureOf(() => jobs.run('collect', where(more)));
};
const openPull = async (head: string): Promise<{ number: number; url: string }> => {
  const answer = await fetch(`${github.url}/repos/${repository}/pulls`, {
    method: 'POST',
    headers: { authorization: 'Bearer ghp_local', 'content-type': 'application/json' },
    body: JSON.stringify({ title: 'Mine', head, base: 'main' }),
  });
  const made = (await answer.json()) as { number: number; html_url: string };
  return { number: made.number, url: made.html_url };
};

describe('work elsewhere begins', () => {
  test('at the base branch, without a checkout here', async () => {
    const info = await prepared();
    expect(info).toMatchObject({ directory: '', readable: [], baseBranch: 'main', startSha: base });
    expect(info.remote).toEqual({
      ...{ repositoryUrl: cloneUrl, repositoryName: repository, startBranch: 'main', startSha: base, pushBranch: 'cyrus/eng-1-a1' },
      branchesBefore: keepBranches(['main']),
    });
    expect(await jobs.checkouts.list()).toEqual([]);
  });

  test('with a branch that is its own: a name that somebody has taken is left to them', async () => {
    await pushed('cyrus/eng-1-a1', { 'old.txt': 'of long ago' });
    await pushed('cyrus/eng-1-a1-2-start', { 'old.txt': 'of long ago' });
    const { remote } = await prepared();
    expect(remote?.pushBranch).toBe('cyrus/eng-1-a1-3');
    const made = ['cyrus/eng-1-a1-3', 'sky/own', 'cyrus/eng-1-a1', 'main'].map((branch) => remote && madeByRun(remote, branch));
    expect(made).toEqual([true, true, false, false]);
  });

  test('at the branch of the plan, where that is what it goes on from', async () => {
    const sha = await pushed('cyrus/eng-1', { 'a.txt': 'a' });
    const info = await prepared({ startFrom: { sha }, wasPushed: true });
    expect(info.remote).toMatchObject({ startBranch: 'cyrus/eng-1', startSha: sha });
    expect(info.remote?.unpushed).toBeUndefined();
  });

  test('at a branch of its own, to be pushed first, where no branch of the remote has the work so far', async () => {
    const sha = await pushed('sky/one', { 'a.txt': 'a' });
    await collect({ branch: 'sky/one' });
    await pushed('sky/one', { 'b.txt': 'b' });
    const info = await prepared({ attemptId: 'a2', reuse: true, pushBranch: 'cyrus/eng-1-a2', lastWork: { attemptId: 'a1', sha } });
    expect(info.remote).toMatchObject({ startBranch: 'cyrus/eng-1-a2-start', startSha: sha, unpushed: true });
    expect(info.startSha).toBe(base);
  });

  test('where files are in Git LFS, which is said: no executor tells whether it gets them', async () => {
    expect((await prepared()).remarks).toBeUndefined();
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'a'.repeat(64)}\nsize 9\n`;
    await pushed('main', { '.gitattributes': '*.psd filter=lfs -text\n', 'poster.psd': pointer });
    const { remarks } = await prepared({ wasPushed: true });
    expect(remarks).toEqual([expect.stringMatching(/Git LFS \(poster\.psd\): whether an agent elsewhere/)]);
  });

  test('anew, where the work so far may not leave this machine', async () => {
    const sha = await pushed('sky/one', { '.env': 'SECRET=1' });
    await collect({ branch: 'sky/one' });
    await github.people.deleteBranch({ repository, branch: 'sky/one' });
    const lastWork = { attemptId: 'a1', sha };
    const info = await prepared({ attemptId: 'a2', reuse: true, pushBranch: 'cyrus/eng-1-a2', lastWork, copied: ['.env'] });
    expect(info.remote).toMatchObject({ startBranch: 'main', startSha: base });
    expect(info.remarks?.[0]).toMatch(/cannot leave this machine.*\.env/);
  });

  test.each([
    ['the base branch', undefined],
    ['what the remote has of its branch', 'cyrus/eng-1'],
  ])('at %s, where what the plan goes on from holds a file of the user', async (_name, published) => {
    await pushed('main', { '.gitignore': '.env\n', '.worktreeinclude': '.env\n' });
    const source = join(home.path, 'source');
    await repositoryAt(home.path).git('clone', '-q', directory, source);
    const repositories = [{ id: 'r', remoteUrl: cloneUrl, repositoryPath: source }];
    const of = { home: join(home.path, 'home'), db: database.db, sandbox: bestSandbox };
    jobs = await jobsFor({ ...of, config: { ...config, repositories }, executors: new Map([['sky', cloud.executor()]]) });
    base = (await prepared()).baseSha;
    const there = published === undefined ? base : await pushed(published, { 'a.txt': 'a' });
    const sha = await pushed('sky/one', { '.env': 'SECRET=1' });
    await collect({ branch: 'sky/one' });
    await github.people.deleteBranch({ repository, branch: 'sky/one' });
    const info = await prepared({ attemptId: 'b1', startFrom: { sha } });
    expect(info).toMatchObject({ startSha: there, remote: { startBranch: published ?? 'main', startSha: there } });
    expect(info.remote?.unpushed).toBeUndefined();
    expect(info.remarks).toEqual([expect.stringMatching(/cannot leave this machine.*\.env/)]);
  });

  test('nowhere, where only this machine has the repository', async () => {
    const alone = await jobsFor({
      home: join(home.path, 'alone'),
      db: database.db,
      sandbox: bestSandbox,
      config: { repositories: [{ id: 'r', repositoryPath: directory }] },
    });
    const failure = await failureOf(() => alone.run('prepare', { ...payload, pushBranch: 'cyrus/eng-1-a1' }));
    expect(failure).toMatchObject({ class: 'invalid_request', message: expect.stringContaining('on this machine alone') });
  });
});

describe('work elsewhere comes home', () => {
  test('from the branch that the run names, as evidence of what is there', async () => {
    const sha = await pushed('sky/fix', { 'a.txt': 'a\nb\n' });
    const { headSha, evidence, run } = await collect({ branch: 'sky/fix' });
    expect(headSha).toBe(sha);
    expect(evidence).toMatchObject({ commits: [{ sha }], files: [{ path: 'a.txt', status: 'added', insertions: 2 }], insertions: 2 });
    expect(run).toEqual({ branch: 'sky/fix', branchSha: sha });
    const mirror = await jobs.checkouts.mirror({ id: 'r', remoteUrl: cloneUrl, token: 'ghp_local' });
    expect(await mirror.resolve('refs/cyrus/wip/a1')).toBe(sha);
  });

  test('from the branch that it was told to push, and from that of its pull request', async () => {
    const told = await pushed('cyrus/eng-1-a1', { 'a.txt': 'a' });
    expect((await collect()).headSha).toBe(told);
    const other = await pushed('sky/own', { 'b.txt': 'b' });
    const { url: pullRequestUrl } = await openPull('sky/own');
    expect(await collect({ pullRequestUrl })).toMatchObject({ headSha: other, run: { branch: 'sky/own', pullRequestUrl } });
    expect((await collect({ pullRequestUrl: `${github.url}/someone/else/pull/1` })).headSha).toBe(told);
  });

  test('when its pull request is told of late', async () => {
    const looking = collect({ waitMs: 20_000 });
    const sha = await pushed('sky/late', { 'a.txt': 'a' });
    cloud.status = { pullRequestUrl: (await openPull('sky/late')).url };
    expect(await looking).toMatchObject({ headSha: sha, run: { branch: 'sky/late' } });
  });

  test('as missing, when there is nothing new anywhere', async () => {
    await pushed('cyrus/eng-1', { 'ours.txt': 'x' });
    expect(await collect({ branch: 'main' })).toMatchObject({
      headSha: null,
      missing: expect.stringContaining('sky ended without a branch'),
    });
    expect(await collect({ branch: 'cyrus/eng-1' })).toMatchObject({ headSha: null });
    expect(await refused({ branch: '--upload-pack=x' })).toMatchObject({ class: 'no_evidence' });
  });

  test('merged into where it was to begin, when it began elsewhere', async () => {
    const start = await pushed('cyrus/eng-1', { 'a.txt': 'a' });
    await prepared();
    const own = await pushed('sky/other', { 'b.txt': 'b' });
    const { headSha, evidence } = await collect({ branch: 'sky/other', startSha: start });
    expect(headSha).not.toBe(own);
    expect(evidence?.files.map(({ path }) => path)).toEqual(['a.txt', 'b.txt']);
    await pushed('sky/clash', { 'a.txt': 'something else' });
    expect(await refused({ branch: 'sky/clash', startSha: start })).toMatchObject({
      class: 'conflict',
      message: expect.stringContaining('a.txt'),
    });
  });

  test('not at all, when it holds what is not to be published', async () => {
    await pushed('sky/large', { 'large.bin': 'x'.repeat(20_000) });
    expect(await refused({ branch: 'sky/large' })).toMatchObject({ class: 'no_evidence', message: expect.stringContaining('large.bin') });
  });

  test('not at all, when it holds what git itself does not take', async () => {
    await pushed('sky/evil', { 'a.txt': 'a' });
    const { git } = repositoryAt(home.path);
    const blob = await git('-C', directory, 'rev-parse', 'sky/evil:a.txt');
    const path = join(home.path, 'tree');
    await writeFile(path, Buffer.concat([Buffer.from('100644 .git\0'), Buffer.from(blob, 'hex')]));
    const tree = await git('-C', directory, 'hash-object', '-w', '--literally', '-t', 'tree', path);
    const commit = await git('-C', directory, 'commit-tree', '-p', 'sky/evil', '-m', 'evil', tree);
    await git('-C', directory, 'update-ref', 'refs/heads/sky/evil', commit);
    expect(await refused({ branch: 'sky/evil' })).toMatchObject({
      class: 'no_evidence',
      message: expect.stringContaining('The branch sky/evil holds what git does not take'),
    });
  });
});

test('what the run opened beside our pull request is closed with a word, and its branch deleted; twice is harmless', async () => {
  await pushed('ada/fix', { 'b.txt': 'b' });
  const adas = await openPull('ada/fix');
  const { remote } = await prepared();
  const sha = await pushed('sky/own', { 'a.txt': 'a' });
  await pushed('cyrus/eng-1', { 'a.txt': 'a' });
  const theirs = await openPull('sky/own');
  const ours = await openPull('cyrus/eng-1');
  const parsed = configOf(config as Record<string, unknown>);
  const github_ = createGithubCredentials({ config: () => parsed, clock: systemClock });
  const perform = createPerformers({ config: () => parsed, checkouts: jobs.checkouts, clock: systemClock, github: github_ })('github');
  const write = {
    ...{ id: 'w', key: 'k', credential: 'github', lane: 'l', kind: 'retire-run', attempts: 0, planId: null, sessionId: null, turnId: null },
    payload: {
      ...{ repositoryId: 'r', pullRequestUrl: theirs.url, branches: [{ branch: 'sky/own', sha }], ours, marker: 'a1' },
      ...{ planBranch: 'cyrus/eng-1', pushBranch: remote?.pushBranch, branchesBefore: remote?.branchesBefore },
    },
  };
  const retire = (more: object = {}) =>
    perform?.({ ...write, payload: { ...write.payload, ...more } } as never, new AbortController().signal);
  // A person's, and ours: whatever a run calls its own.
  expect(await retire({ pullRequestUrl: adas.url, branches: [] })).toMatchObject({
    result: { closed: [], deleted: [], left: [`#${adas.number} is of the branch ada/fix, which the run did not make`] },
  });
  expect(await retire({ pullRequestUrl: ours.url, branches: [] })).toMatchObject({ result: { closed: [], deleted: [] } });
  expect(await retire()).toMatchObject({ state: 'sent', result: { closed: [theirs.number], deleted: ['sky/own'] } });
  expect(await retire()).toMatchObject({ state: 'sent', result: { closed: [], deleted: [] } });
  const state = github.state().repositories[0];
  expect(state?.pulls.map(({ number, state: open }) => [number, open])).toEqual([
    [adas.number, 'open'],
    [theirs.number, 'closed'],
    [ours.number, 'open'],
  ]);
  expect(state?.comments).toMatchObject([{ number: theirs.number, body: expect.stringContaining(`goes on in #${ours.number} `) }]);
  const mirror = await jobs.checkouts.mirror({ id: 'r', remoteUrl: cloneUrl, token: 'ghp_local' });
  await mirror.fetch();
  expect(await mirror.resolve('sky/own')).toBeUndefined();
  expect(await mirror.resolve('cyrus/eng-1')).toBeDefined();
  expect(await mirror.resolve('ada/fix')).toBeDefined();
});
