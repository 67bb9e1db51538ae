import { systemClock } from 'cyrus-core/clock';
import { type LinearStandIn, startLinear } from 'cyrus-stand-in-linear/server';
import { silentLog } from 'cyrus-store/log';
import { type TestDatabase, testDatabase } from 'cyrus-store/testing/database';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Brokers, startBrokers } from '../src/broker/brokers.ts';
import { createLinearClients } from '../src/broker/linear-clients.ts';
import { performLinear } from '../src/broker/perform-linear.ts';
import { configOf } from './support/config.ts';
import { memoryLog } from './support/supervisor.ts';
import { until } from './support/until.ts';
import { insertWrite, statesByKey, type WriteRow } from './support/writes.ts';

let database: TestDatabase;
let linear: LinearStandIn;
let brokers: Brokers | undefined;
let log: ReturnType<typeof memoryLog>;
let sessionId: string;
let issueId: string;
let workspace: string;

async function begin(options: Parameters<typeof startLinear>[0] = {}): Promise<void> {
  await linear?.stop();
  linear = await startLinear(options);
  workspace = linear.control.state().organization.id;
  const issue = linear.people.createIssue({ title: 'Fix it', delegate: true });
  issueId = issue.id;
  sessionId = issue.sessions[0] ?? '';
}

beforeEach(async () => {
  database = await testDatabase();
  log = memoryLog();
});
afterEach(async () => {
  await brokers?.close();
  brokers = undefined;
  await Promise.all([database.stop(), linear.stop()]);
});

async function start(token: string): Promise<void> {
  const { db } = database;
  await db.query(`insert into cyrus.issue (id, workspace, identifier, title) values ($1, $2, 'ENG-1', 'Fix it')`, [issueId, workspace]);
  await db.query(`insert into cyrus.session (id, source, workspace, issue_id) values ($1, 'linear', $2, $3)`, [
    sessionId,
    workspace,
    issueId,
  ]);
  const config = () => configOf({ linear: { apiUrl: linear.graphqlUrl, token } });
  const clients = createLinearClients({ config, home: '/nonexistent', clock: systemClock, log: silentLog });
  brokers = await startBrokers({
    db,
    clock: systemClock,
    random: Math.random,
    log: silentLog,
    credentials: [`linear:${workspace}`],
    performer: () => performLinear({ workspace, clients, db, log: log.log }),
  });
}

const write = (key: string, kind: string, payload: object): Promise<string> => {
  const row: WriteRow = {
    key,
    kind,
    credential: `linear:${workspace}`,
    lane: `session:${sessionId}`,
    sessionId,
    payload: { kind, sessionId, ...payload },
  };
  return insertWrite(database.db, row);
};
const say = (key: string, type: string, body: string) => write(key, 'activity', { content: { type, body } });
const turn = async (): Promise<readonly string[]> => [
  await say('turn:t:ack', 'thought', 'Got it.'),
  await say('plan:p:route:s', 'thought', 'Working in **app**.'),
  await write('plan:p:list:s', 'checklist', { items: [{ content: 'Write', status: 'inProgress' }] }),
  await write('attempt:a:1:s', 'activity', { content: { type: 'action', action: 'Ran', parameter: 'npm test' } }),
  await write('plan:p:urls:s', 'externalUrls', { urls: [{ label: 'PR', url: 'https://x.test/1' }] }),
  await say('turn:t:close', 'response', 'Done.'),
];
const allSent = () => until('all is sent', async () => Object.values(await statesByKey(database.db)).every((state) => state === 'sent'));
const comments = () => linear.control.issue(issueId)?.comments.filter(({ user }) => user === 'Ada') ?? [];

test.each(['FORBIDDEN', 'INPUT_ERROR'] as const)(
  'a person’s key, refused with %s: what people must see, in one thread, under the ids of the rows',
  async (code) => {
    await begin({ refusesPersonalKeysWith: code });
    const [ack, route, , , , close] = await turn();
    await start('lin_api_local');
    await allSent();
    const said = comments();
    expect(said.map(({ id }) => id)).toEqual([ack, route, close]);
    expect(said.map(({ parentId }) => parentId)).toEqual([null, ack, ack]);
    expect(said.map(({ body }) => body.split('\n')[0])).toEqual(['Got it.', 'Working in **app**.', 'Done.']);
    expect(said.filter(({ body }) => body.includes('cyrus linear login'))).toHaveLength(1);
    expect(linear.control.session(sessionId)?.activities.filter(({ byAgent }) => byAgent)).toEqual([]);
    expect(log.lines.filter((line) => line.includes('activities become comments'))).toHaveLength(1);
  },
);

test('a comment whose answer is lost is there once', async () => {
  await begin();
  await turn();
  linear.control.addFault({ kind: 'cut', field: 'commentCreate', times: 2 });
  await start('lin_api_local');
  await allSent();
  expect(comments()).toHaveLength(3);
});

test('a thread that somebody has deleted is begun anew', async () => {
  await begin();
  await say('turn:t:ack', 'thought', 'Got it.');
  await start('lin_api_local');
  await allSent();
  const first = comments()[0]?.id ?? '';
  await fetch(linear.graphqlUrl, {
    method: 'POST',
    headers: { authorization: 'lin_api_local', 'content-type': 'application/json' },
    body: JSON.stringify({ query: 'mutation($id: String!) { commentDelete(id: $id) { success } }', variables: { id: first } }),
  });
  await say('turn:t:close', 'response', 'Done.');
  await say('turn:u:close', 'response', 'Done again.');
  await allSent();
  expect(comments().map(({ body, parentId }) => [body, parentId !== null])).toEqual([
    ['Done.', false],
    ['Done again.', true],
  ]);
});

test('an app that is refused one write says it and writes no comment', async () => {
  await begin();
  linear.control.addFault({ kind: 'error', mutation: 'agentActivityCreate', code: 'FORBIDDEN', message: 'No access to the team' });
  await say('turn:t:ack', 'thought', 'Got it.');
  await say('turn:t:close', 'response', 'Done.');
  await start('lin_oauth_app');
  await until('both have ended', async () => Object.values(await statesByKey(database.db)).join() === 'rejected,sent');
  expect(linear.control.issue(issueId)?.comments.filter(({ body }) => body === 'Got it.')).toEqual([]);
});

test('writes of the issue itself are a person’s to make', async () => {
  await begin();
  const state = linear.control.issue(issueId)?.state;
  await write('plan:p:attach:s', 'attachment', { issueId, title: 'PR', url: 'https://x.test/1' });
  await start('lin_api_local');
  await allSent();
  expect(linear.control.issue(issueId)).toMatchObject({ state, attachments: [{ url: 'https://x.test/1' }] });
});
