import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Checkouts } from 'cyrus-checkouts/checkouts';
import { systemClock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import { type GitHubStandIn, startGitHub } from 'cyrus-stand-in-github/server';
import { silentLog } from 'cyrus-store/log';
import { type TestDatabase, testDatabase } from 'cyrus-store/testing/database';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Brokers, startBrokers } from '../src/broker/brokers.ts';
import { createPerformers } from '../src/broker/performers.ts';
import { checkGithubApp } from '../src/check-github-app.ts';
import { createGithubCredentials, type GithubCredentials } from '../src/github-credentials.ts';
import { createRepositories } from '../src/jobs/repositories.ts';
import { createRedact } from '../src/supervisor/redact.ts';
import { configOf } from './support/config.ts';
import { checkoutsIn } from './support/publishing.ts';
import { temporary } from './support/supervisor.ts';
import { until } from './support/until.ts';
import { insertWrite, statesByKey } from './support/writes.ts';

let database: TestDatabase;
let github: GitHubStandIn;
let home: Awaited<ReturnType<typeof temporary>>;
let checkouts: Checkouts;
let config: Config;
let credentials: GithubCredentials;
let brokers: Brokers | undefined;
let app: { readonly appId: number; readonly privateKey: string };
let keyFile: string;

beforeEach(async () => {
  [database, github, home] = await Promise.all([testDatabase(), startGitHub(), temporary()]);
  const repositories: object[] = [];
  for (const id of ['one', 'two']) {
    const { cloneUrl } = await github.createRepository({ owner: 'acme', name: id });
    repositories.push({ id, remoteUrl: cloneUrl });
  }
  app = await github.people.createApp({ name: 'Cyrus', owner: 'acme' });
  keyFile = join(home.path, 'app.pem');
  await writeFile(keyFile, app.privateKey, { mode: 0o600 });
  config = configOf({ github: { apiUrl: github.url, app: { appId: app.appId, privateKeyPath: keyFile } }, repositories });
  checkouts = checkoutsIn(home.path);
  credentials = createGithubCredentials({ config: () => config, clock: systemClock });
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

const repositories = () => createRepositories(checkouts, () => config, credentials);

async function newCommit(id: string): Promise<string> {
  const mirror = await repositories().open(id);
  await mirror.fetch();
  const identity = ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.test'];
  const args = [
    ...identity,
    'commit-tree',
    `${await mirror.resolve('main')}^{tree}`,
    '-p',
    (await mirror.resolve('main')) ?? '',
    '-m',
    'work',
  ];
  return (await mirror.git.run({ did: 'make a commit', gitDir: mirror.directory, args })).stdout.trim();
}

async function push(repositoryId: string, sha: string): Promise<void> {
  const payload = { kind: 'push', repositoryId, sha, branch: 'cyrus/eng-1', lease: null };
  await insertWrite(database.db, {
    key: `push ${repositoryId}`,
    credential: 'git',
    lane: `git:${repositoryId}`,
    kind: 'push',
    notify: 'plan:p',
    payload,
  });
}
async function pullRequest(repositoryId: string, more: object = {}): Promise<void> {
  const payload = {
    kind: 'pull-request',
    repositoryId,
    head: 'cyrus/eng-1',
    base: 'main',
    title: 'Fix',
    body: 'Done.',
    marker: 'p',
    ...more,
  };
  await insertWrite(database.db, {
    key: `pr ${repositoryId}`,
    credential: 'github',
    lane: `pr:${repositoryId}`,
    kind: 'pull-request',
    notify: 'plan:p',
    payload,
  });
}
const settled = (key: string, state = 'sent') => until(`${key} is ${state}`, async () => (await statesByKey(database.db))[key] === state);
const events = async () =>
  (
    await database.db.query<{ type: string; payload: { subject?: string; failure?: { message: string } } }>(
      'select type, payload from cyrus.event order by id',
    )
  ).rows;

test('fetch, push and pull request with tokens for this repository alone; a token that is taken back is replaced on the way', async () => {
  await github.people.install({ appId: app.appId, account: 'acme' });
  const sha = await newCommit('one');
  await github.people.revokeTokens();
  await push('one', sha);
  await start();
  await settled('push one');
  await github.people.revokeTokens();
  await pullRequest('one');
  await settled('pr one');
  const hub = github.state().repositories.find(({ fullName }) => fullName === 'acme/one');
  expect(hub?.pulls).toMatchObject([{ author: 'cyrus[bot]' }]);
  expect((await events()).filter(({ type }) => type === 'credential_failed')).toEqual([]);
  const [token] = credentials.secrets().slice(-1);
  const elsewhere = await fetch(`${github.url}/repos/acme/two`, { headers: { authorization: `Bearer ${token}` } });
  expect(elsewhere.status).toBe(404);
  expect(createRedact([], credentials.secrets)(`said ${token}.`)).toBe('said [redacted].');
});

test('a fetch that meets a token which has ended goes on with another', async () => {
  await github.people.install({ appId: app.appId, account: 'acme' });
  const mirror = await repositories().open('one');
  await mirror.fetch();
  await github.people.revokeTokens();
  expect(await mirror.fetch()).toMatchObject({ defaultBranch: 'main' });
});

test('while GitHub gives no token the mirror is read all the same, and a fetch says why it cannot be had', async () => {
  await github.people.install({ appId: app.appId, account: 'acme' });
  await (await repositories().open('one')).fetch();
  credentials.forget();
  github.setFaults({ outageMs: 60_000 });
  const mirror = await repositories().open('one');
  expect(await mirror.resolve('main')).toMatch(/^[0-9a-f]{40}$/);
  await expect(mirror.fetch()).rejects.toMatchObject({ failure: { class: 'network', message: expect.stringContaining('acme/one') } });
});

test('an installation that is removed from one repository fails once, clearly, and holds up no other', async () => {
  const { id } = await github.people.install({ appId: app.appId, account: 'acme' });
  const [one, two] = [await newCommit('one'), await newCommit('two')];
  await github.people.changeInstallation({ id, repositories: ['two'] });
  credentials.forget();
  await push('one', one);
  await start();
  const failed = async () => (await events()).filter(({ type }) => type === 'credential_failed');
  await until('the credential has failed', async () => (await failed()).length === 1);
  await push('two', two);
  brokers?.wake('git');
  await settled('push two');
  expect((await failed()).map(({ payload }) => [payload.subject, payload.failure?.message])).toEqual([
    ['one', `The GitHub App ${app.appId} is not installed on acme/one.`],
  ]);
  expect(await statesByKey(database.db)).toMatchObject({ 'push one': 'queued' });

  await github.people.changeInstallation({ id, repositories: ['one', 'two'] });
  await database.db.query("update cyrus.outbound_write set not_before = null where key = 'push one'");
  brokers?.wake('git');
  await settled('push one');
  await until('it is said that it works again', async () => (await events()).some(({ type }) => type === 'credential_recovered'));
});

async function resultOf(key: string): Promise<unknown> {
  const { rows } = await database.db.query<{ result: unknown }>('select result from cyrus.outbound_write where key = $1', [key]);
  return rows[0]?.result;
}

/** A pull request that is a draft; its head. */
async function openDraft(): Promise<string> {
  await github.people.install({ appId: app.appId, account: 'acme' });
  const sha = await newCommit('one');
  await push('one', sha);
  await start();
  await settled('push one');
  await pullRequest('one', { review: 'draft' });
  await settled('pr one');
  return sha;
}

async function awaitChecks(sha: string): Promise<void> {
  const waits = { sha, since: systemClock.now(), timeoutMs: 4_000, markReady: true };
  const payload = { kind: 'pull-request-checks', repositoryId: 'one', number: 1, ...waits };
  await insertWrite(database.db, { key: 'checks', credential: 'github', lane: 'checks:p', kind: 'pull-request-checks', payload });
  brokers?.wake('github');
}

test('a draft is renewed and marked ready', async () => {
  const sha = await openDraft();
  const pull = () => github.state().repositories.find(({ fullName }) => fullName === 'acme/one')?.pulls[0];
  expect(pull()?.draft).toBe(true);
  await github.people.check({ repository: 'acme/one', ref: sha, name: 'ci', conclusion: 'success' });
  await awaitChecks(sha);
  await settled('checks');
  expect(await resultOf('checks')).toMatchObject({ state: 'success', draft: false, checks: [{ name: 'ci', failed: false }] });
  expect(pull()?.draft).toBe(false);
});

test('checks that do not end are waited for as long as is said, and a draft stays one', async () => {
  const sha = await openDraft();
  await github.people.check({ repository: 'acme/one', ref: sha, name: 'ci' });
  await awaitChecks(sha);
  await settled('checks');
  expect(await resultOf('checks')).toMatchObject({ state: 'late', draft: true, checks: [] });
});

test('a draft whose checks may not be read stays one, and the credential is not held to have failed', async () => {
  const { id } = await github.people.install({ appId: app.appId, account: 'acme' });
  await github.people.changeInstallation({ id, permissions: { contents: 'write', pull_requests: 'write' } });
  const sha = await newCommit('one');
  await push('one', sha);
  await start();
  await settled('push one');
  await pullRequest('one', { review: 'draft' });
  await settled('pr one');
  await awaitChecks(sha);
  await settled('checks');
  expect(await resultOf('checks')).toMatchObject({ state: 'unreadable', draft: true });
  expect(github.state().repositories.find(({ fullName }) => fullName === 'acme/one')?.pulls[0]?.draft).toBe(true);
  expect((await events()).filter(({ type }) => type === 'credential_failed')).toEqual([]);
});

test('the doctor hears who may read the key, and whether it is one of the app', async () => {
  expect(await checkGithubApp(config, systemClock)).toEqual([{ state: 'ok', message: 'the key is accepted: Cyrus' }]);
  await chmod(keyFile, 0o644);
  expect(await checkGithubApp(config, systemClock)).toMatchObject([{ state: 'warning', fix: `chmod 600 ${keyFile}` }, { state: 'ok' }]);
  const missing = configOf({ github: { apiUrl: github.url, app: { appId: app.appId, privateKeyPath: join(home.path, 'none.pem') } } });
  expect(await checkGithubApp(missing, systemClock)).toMatchObject([{ state: 'error', message: expect.stringContaining('none.pem') }]);
  const other = configOf({ github: { apiUrl: github.url, app: { appId: 1, privateKeyPath: keyFile } } });
  expect(await checkGithubApp(other, systemClock)).toMatchObject([
    { state: 'warning' },
    { state: 'error', fix: expect.stringContaining('github.app.appId') },
  ]);
  expect(await checkGithubApp(configOf({}), systemClock)).toEqual([]);
});
