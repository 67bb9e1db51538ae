import { systemClock } from 'cyrus-core/clock';
import { type LinearStandIn, startLinear } from 'cyrus-stand-in-linear/server';
import { silentLog } from 'cyrus-store/log';
import { type TestDatabase, testDatabase } from 'cyrus-store/testing/database';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Brokers, startBrokers } from '../src/broker/brokers.ts';
import { createLinearClients } from '../src/broker/linear-clients.ts';
import { configuredWorkspaces } from '../src/broker/linear-token.ts';
import type { Perform } from '../src/broker/outcome.ts';
import { performLinear } from '../src/broker/perform-linear.ts';
import { startChild } from './support/child.ts';
import { configOf } from './support/config.ts';
import { until } from './support/until.ts';
import { insertWrite, statesByKey, thoughtRow } from './support/writes.ts';

let database: TestDatabase;
let linear: LinearStandIn;
let brokers: Brokers | undefined;
let sessionId: string;
let workspace: string;

beforeEach(async () => {
  [database, linear] = await Promise.all([testDatabase(), startLinear()]);
  workspace = linear.control.state().organization.id;
  const issue = linear.people.createIssue({ title: 'Fix it', delegate: true });
  sessionId = issue.sessions[0] ?? '';
});
afterEach(async () => {
  await brokers?.close();
  brokers = undefined;
  await Promise.all([database.stop(), linear.stop()]);
});

const config = () => configOf({ linear: { apiUrl: linear.graphqlUrl, token: 'lin_oauth_app', workspaceId: workspace } });

const performer = (credential: string): Perform =>
  performLinear({
    workspace: credential.slice('linear:'.length),
    clients: createLinearClients({ config, home: '/nonexistent', clock: systemClock, log: silentLog }),
    db: database.db,
    log: silentLog,
  });

async function start(): Promise<void> {
  brokers = await startBrokers({
    db: database.db,
    clock: systemClock,
    random: Math.random,
    log: silentLog,
    credentials: configuredWorkspaces(config()).map((id) => `linear:${id}`),
    performer,
  });
}

const thought = (body: string) => insertWrite(database.db, thoughtRow(sessionId, workspace, body));
const said = () =>
  linear.control
    .session(sessionId)
    ?.activities.filter(({ byAgent }) => byAgent)
    .map(({ body }) => body);
const allSent = () => until('all is sent', async () => Object.values(await statesByKey(database.db)).every((state) => state === 'sent'));

test('thoughts of a session arrive in their order, under the ids of their rows', async () => {
  const ids = [await thought('one'), await thought('two'), await thought('three')];
  await start();
  await allSent();
  expect(said()).toEqual(['one', 'two', 'three']);
  const activities = linear.control.session(sessionId)?.activities.filter(({ byAgent }) => byAgent);
  expect(activities?.map(({ id }) => id)).toEqual(ids);
  expect(linear.control.violations()).toEqual([]);
});

test.each([
  ['its answer is lost', { kind: 'cut', when: 'after', field: 'agentActivityCreate' }],
  ['it does not arrive', { kind: 'cut', when: 'before', field: 'agentActivityCreate' }],
  ['a gateway fails', { kind: 'http-error', status: 502, times: 2 }],
  ['Linear fails', { kind: 'error', mutation: 'agentActivityCreate', code: 'INTERNAL_SERVER_ERROR' }],
  ['the limit is reached', { kind: 'rate-limit', requests: 1, retryAfterSeconds: 1 }],
])('a write is made once when %s', async (_name, fault) => {
  linear.control.addFault(fault);
  await thought('one');
  await thought('two');
  await start();
  await allSent();
  expect(said()).toEqual(['one', 'two']);
});

test('nothing is lost while Linear cannot be reached, and the order stays', async () => {
  linear.control.addFault({ kind: 'outage', ms: 1_500, how: 'refuse' });
  for (const body of ['one', 'two', 'three']) await thought(body);
  await start();
  await until('it was tried', async () => (await database.db.query('select 1 from cyrus.outbound_write where attempts > 1')).rowCount > 0);
  expect(said()).toEqual([]);
  await allSent();
  expect(said()).toEqual(['one', 'two', 'three']);
});

test('what Linear refuses for good is not tried again, and the lane goes on', async () => {
  linear.control.addFault({
    kind: 'error',
    mutation: 'agentActivityCreate',
    code: 'INPUT_ERROR',
    message: 'Entity not found: AgentSession',
  });
  await insertWrite(database.db, { ...thoughtRow(sessionId, workspace, 'one'), notify: `session:${sessionId}` });
  await thought('two');
  await start();
  await until('the second is sent', async () => (await statesByKey(database.db))['thought two'] === 'sent');
  expect(said()).toEqual(['two']);
  const { rows } = await database.db.query(
    `select payload -> 'failure' ->> 'class' as class, payload ->> 'state' as state from cyrus.input`,
  );
  expect(rows).toEqual([{ class: 'invalid_request', state: 'rejected' }]);
});

test('a first write of a workspace that nobody named gets its broker by NOTIFY', async () => {
  brokers = await startBrokers({
    db: database.db,
    clock: systemClock,
    random: Math.random,
    log: silentLog,
    credentials: [],
    performer,
  });
  await thought('one');
  await database.db.query(`select pg_notify('outbound', $1)`, [`linear:${workspace}`]);
  await allSent();
  expect(said()).toEqual(['one']);
});

test('a broker killed after Linear has taken a write and before its row says so: one activity', async () => {
  await thought('one');
  await thought('two');
  const child = startChild('broker-child.ts', {
    DATABASE_URL: database.url,
    LINEAR_URL: linear.graphqlUrl,
    WORKSPACE: workspace,
  });
  try {
    await child.line('performed');
    expect(said()).toEqual(['one']);
  } finally {
    await child.kill();
  }
  expect(await statesByKey(database.db)).toEqual({ 'thought one': 'sending', 'thought two': 'queued' });
  await start();
  await allSent();
  expect(said()).toEqual(['one', 'two']);
});

test('a broker killed again and again at any moment: every activity once, in order', async () => {
  const bodies = Array.from({ length: 12 }, (_, n) => `thought ${n}`);
  for (const body of bodies) await thought(body);
  for (let kill = 0; kill < 4; kill++) {
    linear.control.addFault({ kind: 'cut', when: 'after', field: 'agentActivityCreate' });
    const before = said()?.length ?? 0;
    const child = startChild('broker-child.ts', {
      DATABASE_URL: database.url,
      LINEAR_URL: linear.graphqlUrl,
      WORKSPACE: workspace,
      RECORD: '1',
    });
    try {
      await until('two more have arrived', () => (said()?.length ?? 0) >= before + 2);
    } finally {
      await child.kill();
    }
  }
  await start();
  await allSent();
  expect(said()).toEqual(bodies);
});
