import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from 'cyrus-core/clock';
import type { HostTool } from 'cyrus-executor-interface/executor';
import { type LinearStandIn, startLinear } from 'cyrus-stand-in-linear/server';
import { silentLog } from 'cyrus-store/log';
import { type TestDatabase, testDatabase } from 'cyrus-store/testing/database';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Brokers, startBrokers } from '../src/broker/brokers.ts';
import { createLinearClients } from '../src/broker/linear-clients.ts';
import { performLinear } from '../src/broker/perform-linear.ts';
import { waitingFiles } from '../src/broker/waiting-files.ts';
import { linearTools } from '../src/jobs/linear-tools.ts';
import { configOf } from './support/config.ts';
import { attemptOf, insertPlan, requestStop } from './support/rows.ts';
import { statesByKey } from './support/writes.ts';

let database: TestDatabase;
let linear: LinearStandIn;
let brokers: Brokers;
let issue: string;
let directory: string;

beforeEach(async () => {
  [database, linear] = await Promise.all([testDatabase(), startLinear()]);
  directory = await mkdtemp(join(tmpdir(), 'cyrus-tools-'));
  await mkdir(join(directory, 'work'));
  const { db } = database;
  const workspace = linear.control.state().organization.id;
  const made = linear.people.createIssue({ title: 'Fix it', delegate: true });
  issue = made.identifier;
  await insertPlan(db);
  await db.query(`insert into cyrus.issue (id, workspace, identifier, title) values ($1, $2, $3, 'Fix it')`, [made.id, workspace, issue]);
  await db.query(`update cyrus.plan set issue_id = $1`, [made.id]);
  await db.query(`update cyrus.attempt set state = 'running'`);
  await db.query(`insert into cyrus.session (id, source, workspace, issue_id, plan_id) values ($1, 'linear', $2, $3, 'plan')`, [
    made.sessions[0],
    workspace,
    made.id,
  ]);
  brokers = await startBrokers({
    db,
    clock: systemClock,
    random: Math.random,
    log: silentLog,
    credentials: [`linear:${workspace}`],
    performer: () => performLinear({ workspace, clients, db, log: silentLog, waiting: waitingFiles(join(directory, 'uploads')) }),
  });
});
afterEach(async () => {
  await brokers.close();
  await Promise.all([database.stop(), linear.stop(), rm(directory, { recursive: true, force: true })]);
});

const config = () =>
  configOf({ linear: { apiUrl: linear.graphqlUrl, token: 'lin_oauth_app', workspaceId: linear.control.state().organization.id } });
const clients = createLinearClients({ config: () => config(), home: '/nonexistent', clock: systemClock, log: silentLog });

async function tools(
  more: object = {},
  attempt = attemptOf('plan'),
): Promise<(name: string, input?: Record<string, string>) => ReturnType<HostTool['call']>> {
  const limits = { linear: true, maxCalls: 50, maxSubIssues: 2, maxDepth: 1, ...more };
  const made = await linearTools(
    {
      db: database.db,
      clock: systemClock,
      clients,
      limits: () => limits,
      waiting: waitingFiles(join(directory, 'uploads')),
      redact: (text) => text.replaceAll('hunter2', '***'),
    },
    { attemptId: attempt, workingDirectory: join(directory, 'work') },
    new AbortController().signal,
  );
  return (name, input = {}) => {
    const tool = made?.tools.find((one) => one.name === name);
    if (!tool) throw new Error(`no tool ${name}`);
    return tool.call(input);
  };
}
const children = () => linear.control.issue(issue)?.children ?? [];

test('a comment is one, whoever asks for it again', async () => {
  const call = await tools();
  const answers = await Promise.all([call('create_comment', { body: 'Here.' }), call('create_comment', { body: 'Here.' })]);
  expect(answers).toEqual([{ text: 'The comment is on the issue.' }, { text: 'The comment is on the issue.' }]);
  const again = await tools();
  expect(await again('create_comment', { body: 'Here.' })).toEqual({ text: 'The comment is on the issue.' });
  await again('create_comment', { body: 'There.' });
  const said = linear.control
    .issue(issue)
    ?.comments.map(({ body }) => body)
    .filter((body) => /Here|There/.test(body));
  expect(said).toEqual(['Here.', 'There.']);
});

test('sub-issues: so many, so deep, and told by name also when asked for again', async () => {
  const call = await tools();
  const first = await call('create_sub_issue', { title: 'One' });
  expect(first.text).toMatch(/^Created [A-Z]+-\d+ http/);
  expect(await call('create_sub_issue', { title: 'One' })).toEqual(first);
  const both = await Promise.all([call('create_sub_issue', { title: 'Two' }), call('create_sub_issue', { title: 'Three' })]);
  expect(both.filter((answer) => answer.isError)).toEqual([{ text: expect.stringContaining('at most 2 sub-issues'), isError: true }]);
  expect(children()).toHaveLength(2);
  const shallow = await tools({ maxDepth: 0 });
  expect(await shallow('create_sub_issue', { title: 'Four' })).toMatchObject({ isError: true, text: expect.stringContaining('0 deep') });
  expect(linear.control.violations()).toEqual([]);
});

test('what cannot be done is said, and writes nothing', async () => {
  const call = await tools();
  const refused: [string, Record<string, string>, RegExp][] = [
    ['create_comment', { body: '  ' }, /empty/],
    ['create_comment', { body: 'Hi https://linear.app/w/profiles/ada' }, /Mentions/],
    ['create_sub_issue', { title: ' ' }, /empty/],
    ['set_relation', { issue, type: 'blocks' }, /itself/],
    ['set_relation', { issue: 'NOPE-1', type: 'blocks' }, /could not be read/],
    ['get_issue', { issue: '../x' }, /not the name of an issue/],
    ['get_issue', { issue: 'a{b}' }, /not the name of an issue/],
  ];
  for (const [name, input, why] of refused)
    expect(await call(name, input)).toMatchObject({ isError: true, text: expect.stringMatching(why) });
  expect(await statesByKey(database.db)).toEqual({});
});

test('a refusal of Linear reaches the agent', async () => {
  linear.control.addFault({ kind: 'error', mutation: 'commentCreate', code: 'INPUT_ERROR', message: 'body is not nice', times: 1 });
  const call = await tools();
  expect(await call('create_comment', { body: 'x' })).toMatchObject({ isError: true, text: expect.stringContaining('body is not nice') });
});

test('a file of the working directory is attached once, and nothing of elsewhere', async () => {
  const work = join(directory, 'work');
  await writeFile(join(work, 'shot.png'), Buffer.from([137, 80, 78, 71]));
  await writeFile(join(work, 'log.txt'), 'the password is hunter2');
  await writeFile(join(directory, 'secret.txt'), 'no');
  await symlink(join(directory, 'secret.txt'), join(work, 'link.txt'));
  await symlink(directory, join(work, 'up'));
  await mkdir(join(work, 'dir.txt'));
  const call = await tools();
  const answers = await Promise.all([
    call('upload_file', { path: 'shot.png', title: 'The door' }),
    call('upload_file', { path: 'shot.png', title: 'The door' }),
  ]);
  expect(answers).toEqual([{ text: 'shot.png is attached to the issue.' }, { text: 'shot.png is attached to the issue.' }]);
  expect(await call('upload_file', { path: join(work, 'log.txt') })).toEqual({ text: 'log.txt is attached to the issue.' });
  const refused: [string, RegExp][] = [
    ['link.txt', /is a link/],
    ['up/secret.txt', /Only files of the working directory/],
    ['../secret.txt', /Only files of the working directory/],
    ['/etc/hosts.txt', /There is no file/],
    ['dir.txt', /not a plain file/],
    ['none.png', /There is no file/],
    ['run.sh', /of this kind/],
  ];
  for (const [path, why] of refused)
    expect(await call('upload_file', { path })).toMatchObject({ isError: true, text: expect.stringMatching(why) });
  const attachments = linear.control.issue(issue)?.attachments ?? [];
  expect(attachments.map(({ title }) => title)).toEqual(['The door', 'log.txt']);
  const log = await clients
    .find(linear.control.state().organization.id)
    .then((client) => client?.download(attachments[1]?.url ?? '', { maxBytes: 1000, timeoutMs: 5000 }));
  expect(log?.ok && new TextDecoder().decode(log.value)).toBe('the password is ***');
  expect(await readdir(join(directory, 'uploads'))).toEqual([]);
});

test('a file whose upload is cut off is uploaded again, and attached once', async () => {
  await writeFile(join(directory, 'work', 'shot.png'), Buffer.from([137, 80, 78, 71]));
  linear.control.addFault({ kind: 'upload-error', on: 'put', times: 1 });
  linear.control.addFault({ kind: 'cut', field: 'attachmentCreate', when: 'after', times: 1 });
  const call = await tools();
  expect(await call('upload_file', { path: 'shot.png' })).toEqual({ text: 'shot.png is attached to the issue.' });
  expect(linear.control.issue(issue)?.attachments).toHaveLength(1);
});

test('calls are counted', async () => {
  const call = await tools({ maxCalls: 2 });
  expect((await call('get_issue')).text).toContain(`<issue id="${issue}"`);
  expect((await call('get_issue')).isError).toBeUndefined();
  expect(await call('get_issue')).toMatchObject({ isError: true, text: expect.stringContaining('2 calls') });
});

test('an attempt that ended, or was stopped, writes nothing', async () => {
  const call = await tools();
  await requestStop(database.db);
  expect(await call('create_comment', { body: 'x' })).toMatchObject({ isError: true, text: expect.stringContaining('has ended') });
  await database.db.query('delete from cyrus.stop_request');
  await database.db.query(`update cyrus.attempt set state = 'succeeded'`);
  expect(await call('create_comment', { body: 'x' })).toMatchObject({ isError: true, text: expect.stringContaining('has ended') });
  expect(await statesByKey(database.db)).toEqual({});
});

test('there are none where they are switched off, or there is no tracker', async () => {
  const options = { db: database.db, clock: systemClock, clients, waiting: waitingFiles(directory), redact: (text: string) => text };
  const none = (limits: object) =>
    linearTools(
      { ...options, limits: () => ({ linear: true, maxCalls: 1, maxSubIssues: 1, maxDepth: 1, ...limits }) },
      { attemptId: attemptOf('plan'), workingDirectory: directory },
      new AbortController().signal,
    );
  expect(await none({ linear: false })).toBeUndefined();
  expect(await none({ maxCalls: 0 })).toBeUndefined();
  expect(await none({})).toBeDefined();
  await database.db.query(`update cyrus.session set source = 'cli'`);
  expect(await none({})).toBeUndefined();
});
