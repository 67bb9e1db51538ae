import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { systemClock } from 'cyrus-core/clock';
import { createLinear } from 'cyrus-linear/client';
import { type LinearStandIn, startLinear } from 'cyrus-stand-in-linear/server';
import { silentLog } from 'cyrus-store/log';
import { type TestDatabase, testDatabase } from 'cyrus-store/testing/database';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type AttachmentLimits, type Attachments, createAttachments } from '../src/attachments/attachments.ts';
import { agentFiles } from '../src/attachments/for-agent.ts';

const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
const signal = new AbortController().signal;
let database: TestDatabase;
let linear: LinearStandIn;
let home: string;
let stranger: Server;
let strangerHeard: string[];

beforeAll(async () => {
  database = await testDatabase();
  linear = await startLinear();
  stranger = createServer((request, response) => {
    strangerHeard.push(`${request.url} ${request.headers.authorization}`);
    response.end('mine');
  });
  await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  stranger.closeAllConnections();
  await new Promise((resolve) => stranger.close(resolve));
  await linear.stop();
  await database.stop();
});
beforeEach(async () => {
  strangerHeard = [];
  home = await mkdtemp(join(tmpdir(), 'cyrus-attachments-'));
  await database.db.query('truncate cyrus.plan_message, cyrus.plan, cyrus.session, cyrus.issue cascade');
});
afterEach(() => rm(home, { recursive: true, force: true }));

const open = (limits: Partial<AttachmentLimits> = {}, token = 'lin_oauth_app'): Attachments =>
  createAttachments({
    db: database.db,
    directory: join(home, 'attachments'),
    linear: async () => createLinear({ apiUrl: linear.graphqlUrl, token, clock: systemClock }),
    clock: systemClock,
    log: silentLog,
    limits,
  });

async function plan(description: string, more: { details?: object; messages?: readonly string[]; source?: string } = {}): Promise<void> {
  const { db } = database;
  await db.query(
    `insert into cyrus.issue (id, workspace, identifier, title, description, details) values ('i', 'w', 'ENG-1', 't', $1, $2)`,
    [description, JSON.stringify(more.details ?? {})],
  );
  await db.query(`insert into cyrus.session (id, source, workspace, issue_id) values ('s', $1, 'w', 'i')`, [more.source ?? 'linear']);
  await db.query(
    `insert into cyrus.plan (id, issue_id, number, procedure, repository_id, branch) values ('p', 'i', 1, 'builder', 'r', 'b')`,
  );
  for (const [n, body] of (more.messages ?? []).entries())
    await db.query(`insert into cyrus.plan_message (plan_id, n, session_id, seq, body) values ('p', $1, 's', $1, $2)`, [n + 1, body]);
}

const upload = (name: string, content: string | Buffer, trouble?: { redirectTo?: string; status?: number; waitMs?: number }): string =>
  linear.people.upload({
    name,
    contentType: 'application/octet-stream',
    content: Buffer.from(content).toString('base64'),
    base64: true,
    ...(trouble ? { trouble } : {}),
  }).url;

test('what description, comments, messages and attachments refer to is there, each by its content and with its name', async () => {
  const image = upload('door.bin', png);
  await plan(`It looks so: ![The door](${image})`, {
    messages: [`and the log [trace.log](${upload('x', 'line 1\nline 2')})`],
    details: {
      comments: [{ author: 'Ada', body: `here: ${upload('notes.md', '# Notes')}` }],
      attachments: [
        { title: 'Spec', url: upload('spec', '%PDF-1.7 x') },
        { title: 'PR', url: 'https://github.com/a/b/pull/1' },
      ],
    },
  });
  const attached = await open().forPlan('p', 'task', signal);
  expect(attached?.missing).toEqual([]);
  expect(attached?.files.map(({ name, mediaType, bytes }) => [name, mediaType, bytes])).toEqual([
    ['trace.log', 'text/plain', 13],
    ['The door', 'image/png', png.length],
    ['Spec', 'application/pdf', 10],
    ['notes.md', 'text/plain', 7],
  ]);
  const door = attached?.files.find(({ name }) => name === 'The door');
  expect(door?.url).toBe(image);
  expect(door?.path).toMatch(/\/attachments\/task\/[0-9a-f]{10}-The-door\.png$/);
  expect(await readFile(door?.path ?? '')).toEqual(png);
  expect((await stat(door?.path ?? '')).mode & 0o111).toBe(0);
});

test('nothing is fetched, and nobody asked, where no text refers to a file', async () => {
  await plan('See https://example.com/a/b.png and http://127.0.0.1:1/a/b');
  const calls = linear.control.calls().total;
  expect(await open().forPlan('p', 'task', signal)).toBeUndefined();
  expect(linear.control.calls().total).toBe(calls);
  expect(await readdir(home)).toEqual([]);
});

test('what cannot be had is named with why, and the rest is there', async () => {
  const { port } = stranger.address() as AddressInfo;
  const good = upload('good.txt', 'good');
  await plan(
    [
      upload('large.txt', 'x'.repeat(3_000_000)),
      upload('elsewhere.txt', '', { redirectTo: `http://127.0.0.1:${port}/a/b` }),
      upload('moved.txt', '', { redirectTo: good }),
      upload('forbidden.txt', '', { status: 403 }),
      upload('gone.txt', '', { status: 404 }),
      upload('broken.txt', '', { status: 503 }),
      upload('slow.txt', 'slow', { waitMs: 20_000 }),
      good,
    ].join(' '),
  );
  const attached = await open({ bytesPerFile: 2_000_000, fileTimeoutMs: 6_000 }).forPlan('p', 'task', signal);
  expect(attached?.files.map(({ name }) => name)).toEqual(['moved.txt', 'good.txt']);
  expect(Object.fromEntries(attached?.missing.map(({ name, why }) => [name, why]) ?? [])).toEqual({
    'large.txt': 'it is larger than 2 MB',
    'elsewhere.txt': `it leads to another address than ${linear.url}`,
    'forbidden.txt': 'Linear does not let us read it',
    'gone.txt': 'Linear does not have it any more',
    'broken.txt': 'Linear answered with status 503',
    'slow.txt': 'it did not come within 6 s',
  });
  // Neither the token nor anything else went there.
  expect(strangerHeard).toEqual([]);
});

test('a token that is none', async () => {
  await plan(`${upload('a', 'a')} ${upload('b', 'b')}`);
  const refused = await open({}, 'lin_oauth_wrong').forPlan('p', 'task', signal);
  expect(refused?.files).toEqual([]);
  expect(refused?.missing.map(({ why }) => why)).toEqual(Array(2).fill('Linear does not accept the token for it'));
});

test('there are only so many, only so much, and only so long', async () => {
  const files = Array.from({ length: 5 }, (_, n) => upload(`${n}.txt`, 'x'.repeat(600_000)));
  await plan(files.join(' '));
  const few = await open({ files: 2 }).forPlan('p', 'few', signal);
  expect(few?.files.map(({ name }) => name)).toEqual(['0.txt', '1.txt']);
  expect(few?.missing.map(({ why }) => why)).toEqual(Array(3).fill('only 2 files of an issue are fetched'));
  const little = await open({ bytesInAll: 1_000_000, bytesPerFile: 1_000_000 }).forPlan('p', 'little', signal);
  expect(little?.files).toHaveLength(1);
  expect(little?.missing.map(({ why }) => why)).toEqual(Array(4).fill('all files together are larger than 1 MB'));
  await database.db.query('update cyrus.issue set description = $1', [
    Array.from({ length: 5 }, (_, n) => upload(`${n}.txt`, 'x', { waitMs: 5_000 })).join(' '),
  ]);
  const short = await open({ timeoutMs: 300 }).forPlan('p', 'short', signal);
  expect(short?.files).toEqual([]);
  expect(new Set(short?.missing.map(({ why }) => why))).toEqual(
    new Set(['all files together took too long', 'the files before it took too long']),
  );
});

test('what is there is not fetched again; another attempt has it at once', async () => {
  const url = upload('once.txt', 'once');
  await plan(`[one](${url})`);
  const attachments = open();
  const first = await attachments.forPlan('p', 'task', signal);
  const again = await open({ timeoutMs: 1 }, 'lin_oauth_wrong').forPlan('p', 'task', signal);
  expect(again).toEqual(first);
  expect(await readdir(dirname(first?.files[0]?.path ?? ''))).toHaveLength(1);
  await attachments.remove('task');
  expect(await readdir(join(home, 'attachments'))).toEqual([]);
  await attachments.remove('task');
});

test('a name cannot lead out of the directory', async () => {
  await plan(`![../../../etc/cron.d/x](${upload('..%2F..%2Fevil', 'x')}) ![..](${upload('y', 'y')})`);
  const attached = await open().forPlan('p', '../../task', signal);
  expect(attached?.files).toHaveLength(2);
  for (const { path } of attached?.files ?? []) expect(dirname(dirname(path))).toBe(join(home, 'attachments'));
});

test('a message to the agent at work brings its files and says where they are; what was listed is not listed again', async () => {
  await plan('nothing');
  const job = { id: 'j', kind: 'agent', notify: 'x', sessionId: null, planId: 'p', taskId: 'task', attemptId: null, payload: {} } as const;
  const files = await agentFiles(open({ bytesPerFile: 10 }), job);
  const image = upload('s.png', png);
  const note = upload('n.txt', 'note');
  const text = await files?.enrich(`Like ![this](${image}) and [that](${note})`, signal);
  const path = /- (\/\S+) \(that, text\/plain, 4 bytes\)/.exec(text ?? '')?.[1] ?? '';
  expect(dirname(path)).toBe(files?.directory);
  expect(text).toContain('<attachments>\n');
  expect(text).toContain('- not here: this (it is larger than 0 MB)');
  expect(await files?.enrich(text ?? '', signal)).toBe(text);
  expect(await files?.enrich('No link', signal)).toBe('No link');
  expect(await agentFiles(open(), { ...job, taskId: null })).toBeUndefined();
});
