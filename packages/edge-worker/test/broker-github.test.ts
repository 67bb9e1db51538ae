import type { Checkouts } from 'cyrus-checkouts/checkouts';
import { systemClock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import { type GitHubStandIn, startGitHub } from 'cyrus-stand-in-github/server';
import { silentLog } from 'cyrus-store/log';
import { type TestDatabase, testDatabase } from 'cyrus-store/testing/database';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Brokers, startBrokers } from '../src/broker/brokers.ts';
import { createPerformers } from '../src/broker/performers.ts';
import { createGithubCredentials, type GithubCredentials } from '../src/github-credentials.ts';
import { createRepositories } from '../src/jobs/repositories.ts';
import { startChild } from './support/child.ts';
import { checkoutsIn, newCommit, publishingConfig } from './support/publishing.ts';
import { temporary } from './support/supervisor.ts';
import { until } from './support/until.ts';
import { insertWrite, statesByKey } from './support/writes.ts';

let database: TestDatabase;
let github: GitHubStandIn;
let home: Awaited<ReturnType<typeof temporary>>;
let config: Config;
let checkouts: Checkouts;
let brokers: Brokers | undefined;
let credentials: GithubCredentials;
let sha: string;
let cloneUrl: string;

beforeEach(async () => {
  [database, github, home] = await Promise.all([testDatabase(), startGitHub(), temporary()]);
  ({ cloneUrl } = await github.createRepository({ owner: 'acme', name: 'app' }));
  config = publishingConfig(github.url, cloneUrl);
  checkouts = checkoutsIn(home.path);
  credentials = createGithubCredentials({ config: () => config, clock: systemClock });
  sha = await newCommit(checkouts, config, 'work');
});
afterEach(async () => {
  await brokers?.close();
  brokers = undefined;
  await Promise.all([database.stop(), github.stop()]);
  await home.remove();
});

async function start(): Promise<void> {
  brokers = await startBrokers({
    db: database.db,
    clock: systemClock,
    random: Math.random,
    log: silentLog,
    credentials: ['git', 'github'],
    performer: createPerformers({ config: () => config, checkouts, clock: systemClock, github: credentials }),
  });
}

const push = (key: string, payload: object = {}) =>
  insertWrite(database.db, {
    key,
    credential: 'git',
    lane: 'git:r:cyrus/eng-1',
    kind: 'push',
    notify: 'plan:p',
    payload: { kind: 'push', repositoryId: 'r', sha, branch: 'cyrus/eng-1', lease: null, ...payload },
  });
const pullRequest = (payload: object = {}) =>
  insertWrite(database.db, {
    key: 'pull request',
    credential: 'github',
    lane: 'pr:p',
    kind: 'pull-request',
    notify: 'plan:p',
    payload: {
      kind: 'pull-request',
      repositoryId: 'r',
      head: 'cyrus/eng-1',
      base: 'main',
      title: 'ENG-1: Fix',
      body: 'Done.',
      marker: 'p',
      ...payload,
    },
  });
const settled = (key: string, state: string) => until(`${key} is ${state}`, async () => (await statesByKey(database.db))[key] === state);
const repository = () => github.state().repositories[0];
/** The head of the branch on the remote; null while there is none. */
const branchHead = async (): Promise<string | null> => {
  const mirror = await createRepositories(checkouts, () => config, credentials).open('r');
  await mirror.fetch();
  return (await mirror.resolve('cyrus/eng-1')) ?? null;
};
const resultOf = async (key: string) =>
  (
    await database.db.query<{ result: unknown; failure: { class: string; message: string } }>(
      'select result, failure from cyrus.outbound_write where key = $1',
      [key],
    )
  ).rows[0];

test('a push and its pull request, once each', async () => {
  await push('push');
  await start();
  await settled('push', 'sent');
  await pullRequest();
  brokers?.wake('github');
  await settled('pull request', 'sent');
  expect(await branchHead()).toBe(sha);
  expect(repository()?.pulls).toHaveLength(1);
  expect((await resultOf('push'))?.result).toEqual({ sha });
  expect((await resultOf('pull request'))?.result).toMatchObject({
    number: expect.any(Number),
    url: expect.stringContaining('/acme/app/pull/'),
    created: true,
  });
});

test('without a base the pull request goes to the default branch', async () => {
  await push('push');
  await start();
  await settled('push', 'sent');
  await pullRequest({ base: null });
  await settled('pull request', 'sent');
  expect(repository()?.pulls).toHaveLength(1);
});

test.each([
  ['the answers are lost', { loseAnswer: { 'git.push': 1, 'pulls.create': 1 } }],
  ['GitHub fails', { failNext: { count: 2, status: 502 } }],
  ['GitHub is away', { outageMs: 800, outageKind: 'disconnect' as const }],
  ['the limit is reached', { rateLimitNext: { count: 1, kind: 'secondary' as const, retryAfterSeconds: 1 } }],
])('both are made once when %s', async (_name, fault) => {
  github.setFaults(fault);
  await push('push');
  await start();
  await settled('push', 'sent');
  await pullRequest();
  await settled('pull request', 'sent');
  expect(await branchHead()).toBe(sha);
  expect(repository()?.pulls).toHaveLength(1);
});

test('a branch that somebody else moved is left alone, and the plan is told', async () => {
  await github.people.push({ repository: 'acme/app', branch: 'cyrus/eng-1', files: { 'theirs.txt': 'mine!' } });
  const theirs = await branchHead();
  await push('push');
  await start();
  await settled('push', 'rejected');
  expect(await branchHead()).toBe(theirs);
  expect((await resultOf('push'))?.failure).toMatchObject({ class: 'conflict', message: expect.stringContaining('cyrus/eng-1') });
});

test('what can never be made is refused', async () => {
  await push('other branch', { branch: 'main' });
  await push('other repository', { repositoryId: 'gone' });
  await start();
  await settled('other branch', 'rejected');
  await settled('other repository', 'rejected');
});

test('killed after the push and after the pull request, before their rows say so: one branch, one pull request', async () => {
  const environment = { DATABASE_URL: database.url, GITHUB_URL: github.url, CLONE_URL: cloneUrl, CYRUS_HOME: home.path };
  const killedAfter = async (key: string): Promise<void> => {
    const child = startChild('publishing-child.ts', environment);
    try {
      await child.line(`performed ${key}`);
    } finally {
      await child.kill();
    }
  };
  await push('push');
  await killedAfter('push');
  expect(await statesByKey(database.db)).toEqual({ push: 'sending' });
  expect(await branchHead()).toBe(sha);
  await start();
  await settled('push', 'sent');
  await brokers?.close();

  await pullRequest();
  await killedAfter('pull request');
  expect(repository()?.pulls).toHaveLength(1);
  await start();
  await settled('pull request', 'sent');
  expect(repository()?.pulls).toHaveLength(1);
  expect((await resultOf('pull request'))?.result).toMatchObject({ created: false });
});
