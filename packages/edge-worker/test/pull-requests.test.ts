import { createHmac, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { manualClock, systemClock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import { systemIds } from 'cyrus-core/ids';
import { type GitHubStandIn, startGitHub } from 'cyrus-stand-in-github/server';
import { silentLog } from 'cyrus-store/log';
import { type TestDatabase, testDatabase } from 'cyrus-store/testing/database';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { performGit } from '../src/broker/perform-git.ts';
import { createGithubCredentials } from '../src/github-credentials.ts';
import { createIngest } from '../src/ingest/ingest.ts';
import { createRepositories } from '../src/jobs/repositories.ts';
import { lookAtPullRequests } from '../src/reconciler/look-pull-requests.ts';
import { configOf } from './support/config.ts';
import { checkoutsIn } from './support/publishing.ts';
import { temporary } from './support/supervisor.ts';
import { insertWrite } from './support/writes.ts';

let database: TestDatabase;
let github: GitHubStandIn;
let home: Awaited<ReturnType<typeof temporary>>;
let config: Config;

beforeEach(async () => {
  const options = { tokens: { writer: { login: 'cyrus-bot' } } };
  [database, github, home] = await Promise.all([testDatabase(), startGitHub(options), temporary()]);
  const { cloneUrl } = await github.createRepository({ owner: 'acme', name: 'one' });
  config = configOf({ github: { apiUrl: github.url, token: 'writer' }, repositories: [{ id: 'one', remoteUrl: cloneUrl }] });
});
afterEach(async () => {
  await Promise.all([database.stop(), github.stop()]);
  await home.remove();
});

/** A plan that is done, with a pull request of its own. */
async function published(id: string, over: { readonly endedDaysAgo?: number; readonly issue?: string } = {}): Promise<number> {
  const { issue = `issue-${id}`, endedDaysAgo = 0 } = over;
  const branch = `cyrus/${id}`;
  await github.people.push({ repository: 'acme/one', branch, files: { [`${id}.txt`]: id } });
  const response = await fetch(`${github.url}/repos/acme/one/pulls`, {
    method: 'POST',
    headers: { authorization: 'Bearer writer', 'content-type': 'application/json' },
    body: JSON.stringify({ title: id, head: branch, base: 'main' }),
  });
  const { number, html_url: url } = (await response.json()) as { readonly number: number; readonly html_url: string };
  const { db } = database;
  await db.query(`insert into cyrus.issue (id, workspace, identifier, title) values ($1, 'w', $1, 't') on conflict do nothing`, [issue]);
  await db.query(
    `insert into cyrus.plan (id, issue_id, number, state, procedure, repository_id, branch, pull_request, ended_at)
     select $1, $2, 1 + count(*), 'done', 'builder', 'one', $3, $4, clock_timestamp() - make_interval(days => $5)
     from cyrus.plan where issue_id = $2`,
    [id, issue, branch, JSON.stringify({ number, url }), endedDaysAgo],
  );
  return number;
}

const look = (issueId?: string, over: Partial<Parameters<typeof lookAtPullRequests>[0]> = {}) => {
  const { signal } = new AbortController();
  const checkouts = checkoutsIn(home.path);
  const credentials = createGithubCredentials({ config: () => config, clock: systemClock });
  const repositories = createRepositories(checkouts, () => config, credentials);
  const of = issueId === undefined ? {} : { issueId };
  return lookAtPullRequests({
    db: database.db,
    clock: systemClock,
    log: silentLog,
    repositories,
    github: credentials,
    signal,
    ...of,
    ...over,
  });
};
const told = async () =>
  (
    await database.db.query<{ entity: string; state: string; newest: boolean }>(
      `select entity, payload ->> 'state' as state, (payload ->> 'newest')::boolean as newest from cyrus.input where kind = 'pull_request' order by entity`,
    )
  ).rows;
const calls = () => github.calls().filter(({ operation }) => operation?.startsWith('pulls.') && operation !== 'pulls.create');

test('what people merged and closed is told to its plans once, with a call for the list and one for each that is over', async () => {
  const numbers = [await published('a'), await published('b'), await published('c'), await published('d')];
  await published('old', { endedDaysAgo: 40 });
  await github.people.merge({ repository: 'acme/one', number: numbers[1] ?? 0 });
  await github.people.close({ repository: 'acme/one', number: numbers[2] ?? 0 });
  expect(await look()).toEqual([]);
  const expected = [
    { entity: 'plan:b', state: 'merged', newest: true },
    { entity: 'plan:c', state: 'closed', newest: true },
  ];
  expect(await told()).toEqual(expected);
  expect(calls().map(({ operation }) => operation)).toEqual(['pulls.list', 'pulls.get', 'pulls.get']);
  await Promise.all([look(), look()]);
  expect(await told()).toEqual(expected);
  // Once the plan knows, nobody asks any more.
  await database.db.query(`update cyrus.plan set pull_request = pull_request || '{"state": "merged"}' where id in ('a', 'b', 'c', 'd')`);
  const before = calls().length;
  await look();
  expect(calls()).toHaveLength(before);
});

test('before a follow-up the pull request of that issue alone is asked for; every plan that shows it hears, the newest as such', async () => {
  const number = await published('a', { issue: 'i' });
  await published('b');
  await database.db.query(
    `insert into cyrus.plan (id, issue_id, number, state, procedure, repository_id, branch, pull_request, ended_at)
     select 'a2', issue_id, 2, 'done', procedure, repository_id, branch, pull_request, ended_at from cyrus.plan where id = 'a'`,
  );
  await github.people.merge({ repository: 'acme/one', number });
  expect(await look('i')).toEqual([]);
  expect(await told()).toEqual([
    { entity: 'plan:a', state: 'merged', newest: false },
    { entity: 'plan:a2', state: 'merged', newest: true },
  ]);
  expect(calls().map(({ operation }) => operation)).toEqual(['pulls.get']);
});

test('a limit of GitHub is told with when to come again; a repository that is gone is nobody’s trouble', async () => {
  await published('a');
  github.setFaults({ rateLimitNext: { count: 20, kind: 'primary', retryAfterSeconds: 600 } });
  const [failure, ...more] = await look();
  expect(failure).toMatchObject({ class: 'rate_limited' });
  expect(failure?.retryAt).toBeGreaterThan(Date.now());
  expect(more).toEqual([]);
  config = configOf({ github: { apiUrl: github.url, token: 'writer' } });
  expect(await look()).toEqual([]);
  expect(await told()).toEqual([]);
});

test('a look that is given up does not wait for answers that do not come', async () => {
  await published('a');
  const asked = Promise.withResolvers<void>();
  const silent = createServer(() => asked.resolve()).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const apiUrl = `http://127.0.0.1:${port}`;
  const remoteUrl = `${apiUrl}/acme/one.git`;
  await database.db.query(`update cyrus.plan set pull_request = jsonb_build_object('number', 1, 'url', $1::text)`, [
    `${apiUrl}/acme/one/pull/1`,
  ]);
  config = configOf({ github: { apiUrl, token: 'writer' }, repositories: [{ id: 'one', remoteUrl }] });
  try {
    const givenUp = new AbortController();
    // By this clock the time of a call is never over.
    const looked = look(undefined, { signal: givenUp.signal, clock: manualClock() });
    await asked.promise;
    givenUp.abort();
    expect(await looked).toMatchObject([{ class: 'network' }]);
    expect(await told()).toEqual([]);
  } finally {
    silent.closeAllConnections();
    silent.close();
  }
});

test('a check that ended is looked at when GitHub tells of it, and not when it would have been', async () => {
  const payload = { kind: 'pull-request-checks', sha: 'a'.repeat(40) };
  await insertWrite(database.db, { key: 'checks', credential: 'github', kind: 'pull-request-checks', payload });
  await database.db.query(`update cyrus.outbound_write set not_before = clock_timestamp() + interval '1 hour'`);
  const woken: string[] = [];
  const hooks = { wakeBroker: (credential: string) => woken.push(credential), stopPlan: () => undefined, wakeEngine: () => undefined };
  const heard = configOf({ github: { webhookSecret: 'secret' } });
  const ingest = createIngest({ db: database.db, clock: systemClock, ids: systemIds, config: () => heard, log: silentLog, hooks });
  const tell = (event: string, body: object) => {
    const raw = Buffer.from(JSON.stringify({ repository: { full_name: 'acme/one' }, sender: { login: 'ann' }, ...body }));
    const signature = `sha256=${createHmac('sha256', 'secret').update(raw).digest('hex')}`;
    const headers = { 'content-type': 'application/json', 'x-github-event': event, 'x-github-delivery': randomUUID() };
    return ingest.github(raw, { ...headers, 'x-hub-signature-256': signature });
  };
  const run = (head_sha: string) => ({
    action: 'completed',
    check_run: { name: 'ci', head_sha, conclusion: 'success', pull_requests: [] },
  });
  const waits = async () =>
    (await database.db.query<{ waits: boolean }>('select not_before is not null as waits from cyrus.outbound_write')).rows[0]?.waits;
  expect(await tell('check_run', run('b'.repeat(40)))).toMatchObject({ status: 200 });
  expect([await waits(), woken]).toEqual([true, []]);
  expect(await tell('check_run', run('a'.repeat(40)))).toMatchObject({ status: 200 });
  expect([await waits(), woken]).toEqual([false, ['github']]);
});

test('a branch that was deleted with its merged pull request is made anew; one that somebody else deleted is not', async () => {
  const checkouts = checkoutsIn(home.path);
  const credentials = createGithubCredentials({ config: () => config, clock: systemClock });
  const perform = performGit({ checkouts, config: () => config, github: credentials });
  const mirror = await createRepositories(checkouts, () => config, credentials).open('one');
  await mirror.fetch();
  const sha = (await mirror.resolve('main')) ?? '';
  const push = (more: object) => {
    const payload = { repositoryId: 'one', sha, branch: 'cyrus/eng-1', lease: 'f'.repeat(40), ...more };
    const write = { id: randomUUID(), key: 'push', credential: 'git', kind: 'push', payload, attempts: 1, planId: null, sessionId: null };
    return perform(write as unknown as Parameters<typeof perform>[0], new AbortController().signal);
  };
  expect(await push({})).toMatchObject({
    state: 'rejected',
    failure: { class: 'conflict', message: expect.stringContaining('it is gone') },
  });
  expect(await push({ mayBeGone: true })).toMatchObject({ state: 'sent', result: { sha } });
});
