import { systemClock } from 'cyrus-core/clock';
import { systemIds } from 'cyrus-core/ids';
import { createIngest, type Ingest } from 'cyrus-edge-worker/ingest/ingest';
import { createLinear, type LinearClient } from 'cyrus-linear/client';
import { updateIssue } from 'cyrus-linear/documents';
import { openSession } from 'cyrus-linear/open-session';
import { paced } from 'cyrus-linear/paced';
import { type LinearStandIn, startLinear } from 'cyrus-stand-in-linear/server';
import { silentLog } from 'cyrus-store/log';
import { readReconcileMark } from 'cyrus-store/queries/reconcile-mark';
import { type TestDatabase, testDatabase } from 'cyrus-store/testing/database';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lookAtLinear } from '../src/reconciler/look-linear.ts';
import { startReconciler } from '../src/reconciler/reconciler.ts';
import { configOf } from './support/config.ts';
import { until } from './support/until.ts';

const dayMs = 24 * 3_600_000;

let database: TestDatabase;
let linear: LinearStandIn;
let client: LinearClient;
let ingest: Ingest;
let workspace: string;
beforeEach(async () => {
  [database, linear] = await Promise.all([testDatabase(), startLinear()]);
  workspace = linear.control.state().organization.id;
  client = paced(createLinear({ apiUrl: linear.graphqlUrl, token: 'lin_oauth_app', clock: systemClock }), systemClock);
  const hooks = { wakeBroker: () => undefined, stopPlan: () => undefined, wakeEngine: () => undefined };
  ingest = createIngest({ db: database.db, clock: systemClock, ids: systemIds, config, log: silentLog, hooks });
});
afterEach(async () => {
  await Promise.all([database.stop(), linear.stop()]);
});

const config = () => configOf({ linear: { apiUrl: linear.graphqlUrl, token: 'lin_oauth_app' }, reconcile: { everyMs: 60_000 } });

const look = () =>
  lookAtLinear({
    db: database.db,
    log: silentLog,
    ingest,
    workspace,
    client,
    rememberMs: 29 * dayMs,
    everyMs: 1,
    signal: new AbortController().signal,
  });

const messages = async () =>
  (await database.db.query<{ body: string; signal: string | null }>('select body, signal from cyrus.message order by at, session_id, seq'))
    .rows;
const calls = () => linear.control.calls().total;

test('what nobody told is taken in once, in the order in which it was said; the second look finds nothing new', async () => {
  const issue = linear.people.createIssue({ title: 'Fix it', delegate: true });
  const session = issue.sessions[0] ?? '';
  linear.people.prompt(session, { body: 'And this.' });
  linear.people.prompt(session, { body: 'And that.' });
  expect(await look()).toEqual({ ok: true, value: { workspace, taken: 3 } });
  expect((await messages()).map(({ body }) => body)).toEqual(['', 'And this.', 'And that.']);
  expect(await look()).toEqual({ ok: true, value: { workspace, taken: 0 } });
  expect(await readReconcileMark(database.db, workspace)).toBeGreaterThan(Date.now() - 60_000);
  linear.people.undelegate(issue.identifier);
  expect(await look()).toMatchObject({ ok: true, value: { taken: 1 } });
  expect((await messages()).at(-1)).toMatchObject({ signal: 'stop' });
});

test('two looks at the same time, in two processes or one, take everything in once', async () => {
  linear.people.createIssue({ title: 'One', delegate: true });
  linear.people.createIssue({ title: 'Two', delegate: true });
  const taken = (await Promise.all([look(), look(), look()])).map((looked) => (looked.ok ? looked.value.taken : -1));
  expect(taken.reduce((sum, count) => sum + count, 0)).toBe(2);
  expect(await messages()).toHaveLength(2);
});

async function teamId(): Promise<string> {
  const answer = await client.request('query Teams { teams(first: 1) { nodes { id } } }', {});
  if (!answer.ok) throw new Error(answer.error.failure.message);
  return (answer.value as { readonly teams: { readonly nodes: readonly { readonly id: string }[] } }).teams.nodes[0]?.id ?? '';
}

test('an issue that is delegated without a session gets one, once, however many look; what the app made itself gets none', async () => {
  // Nobody opens a session for what the app does itself.
  const delegateTo = (id: string) => client.request(updateIssue, { id, input: { delegateId: linear.app.id } });
  const issue = linear.people.createIssue({ title: 'Unheard' });
  const closed = linear.people.createIssue({ title: 'Over', state: 'Done' });
  linear.people.createIssue({ title: 'Heard', delegate: true });
  await Promise.all([delegateTo(issue.id), delegateTo(closed.id)]);
  const input = { title: 'Made by an agent', teamId: await teamId(), delegateId: linear.app.id };
  await client.request('mutation M($input: IssueCreateInput!) { issueCreate(input: $input) { success } }', { input });
  const queued = async () =>
    (await database.db.query<{ payload: { issueId: string } }>(`select payload from cyrus.outbound_write where kind = 'openSession'`)).rows;
  await until('it to be settled', async () => {
    await Promise.all([look(), look()]);
    return (await queued()).length > 0;
  });
  expect(await queued()).toEqual([{ payload: { kind: 'openSession', issueId: issue.id } }]);
  const sessions = () => linear.control.issue(issue.id)?.sessions ?? [];
  const first = await openSession(client, { issueId: issue.id });
  expect(sessions()).toHaveLength(1);
  // An answer that was lost.
  expect(await openSession(client, { issueId: issue.id })).toEqual(first);
  expect(first).toEqual({ state: 'sent', remoteId: sessions()[0] });
  await look();
  const { rows } = await database.db.query<{ issue_id: string; n: number }>(
    'select s.issue_id, count(*) as n from cyrus.session s join cyrus.message m on m.session_id = s.id group by 1',
  );
  expect(rows.find(({ issue_id }) => issue_id === issue.id)).toEqual({ issue_id: issue.id, n: 1 });
  expect(await look()).toMatchObject({ value: { taken: 0 } });
  // Taken away before its turn came.
  const taken = linear.people.createIssue({ title: 'Not ours' });
  expect(await openSession(client, { issueId: taken.id })).toEqual({ state: 'sent' });
  expect(linear.control.issue(taken.id)?.sessions).toEqual([]);
});

test('while a limit of Linear is reached nothing is asked, and what was missed is not forgotten', async () => {
  linear.people.createIssue({ title: 'Later', delegate: true });
  linear.control.addFault({ kind: 'rate-limit', requests: 1, retryAfterSeconds: 2 });
  expect(await look()).toMatchObject({ ok: false, error: { class: 'rate_limited' } });
  const before = calls();
  expect(await look()).toMatchObject({ ok: false, error: { class: 'rate_limited' } });
  expect(calls()).toBe(before);
  expect(await readReconcileMark(database.db, workspace)).toBeNull();
  const looked = await until('the limit to be over', async () => {
    const outcome = await look();
    return outcome.ok && outcome.value;
  });
  expect(looked).toMatchObject({ taken: 1 });
});

test('a personal key finds nothing, and asks once', async () => {
  linear.people.createIssue({ title: 'Not mine', delegate: true });
  client = createLinear({ apiUrl: linear.graphqlUrl, token: 'lin_api_local', clock: systemClock });
  const before = calls();
  expect(await look()).toEqual({ ok: true, value: { workspace, taken: 0 } });
  expect(calls() - before).toBe(1);
});

test('the loop looks at once and when it is woken, and says what keeps it from looking', async () => {
  linear.people.createIssue({ title: 'At once', delegate: true });
  const reconciler = startReconciler({ db: database.db, clock: systemClock, log: silentLog, config, ingest, find: async () => client });
  try {
    await until('the first look', async () => (await messages()).length === 1);
    linear.people.createIssue({ title: 'When woken', delegate: true });
    linear.control.addFault({ kind: 'http-error', status: 502 });
    reconciler.wake();
    await until('the trouble to be told', () => reconciler.trouble()?.includes('502'));
    reconciler.wake();
    await until('the next look', async () => (await messages()).length === 2);
    await until('the trouble to be over', () => reconciler.trouble() === null);
  } finally {
    await reconciler.close();
  }
});

test('a limit of the code host is told, and keeps nobody from looking at Linear', async () => {
  const message = 'GitHub wants to be left alone.';
  const pullRequests = async () => [{ class: 'rate_limited' as const, message, retryAt: systemClock.now() + 3_600_000 }];
  const often = () => ({ ...config(), reconcile: { everyMs: 50 } });
  const options = { db: database.db, clock: systemClock, log: silentLog, ingest, find: async () => client };
  const reconciler = startReconciler({ ...options, config: often, pullRequests });
  try {
    await until('the trouble to be told', () => reconciler.trouble() === message);
    linear.people.createIssue({ title: 'Found all the same', delegate: true });
    await until('the next look', async () => (await messages()).length === 1);
  } finally {
    await reconciler.close();
  }
});
