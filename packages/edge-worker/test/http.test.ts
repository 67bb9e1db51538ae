import { createHmac } from 'node:crypto';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Clock, systemClock } from 'cyrus-core/clock';
import { FailureError } from 'cyrus-core/failure';
import { systemIds } from 'cyrus-core/ids';
import { type LinearStandIn, startLinear } from 'cyrus-stand-in-linear/server';
import { silentLog } from 'cyrus-store/log';
import { type TestDatabase, testDatabase } from 'cyrus-store/testing/database';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createHttpServer, type HttpServer, type HttpServerOptions } from '../src/http/server.ts';
import { createIngest, type Ingest } from '../src/ingest/ingest.ts';
import { configOf } from './support/config.ts';
import { until } from './support/until.ts';
import { createdBody, delivery, secret } from './support/webhooks.ts';

let database: TestDatabase;
let ingest: Ingest;
let server: HttpServer | undefined;

beforeEach(async () => {
  database = await testDatabase();
  ingest = createIngest({
    db: database.db,
    clock: systemClock,
    ids: systemIds,
    config: () => configOf({ linear: { webhookSecret: secret }, github: { webhookSecret: 'gh' } }),
    hooks: { wakeBroker: () => undefined, stopPlan: () => undefined, wakeEngine: () => undefined },
    log: silentLog,
  });
});
afterEach(async () => {
  await server?.close();
  server = undefined;
  await database.stop();
});

async function start(options: Partial<HttpServerOptions> = {}): Promise<string> {
  server = await createHttpServer({
    host: '127.0.0.1',
    port: 0,
    ingest,
    db: database.db,
    brokers: () => [{ credential: 'cli', held: true }],
    clock: systemClock,
    log: silentLog,
    version: '9.9',
    ...options,
  });
  return `http://127.0.0.1:${server.address.port}`;
}

const rows = async <Row>(sql: string): Promise<readonly Row[]> => (await database.db.query<Row>(sql)).rows;
const count = async (table: string): Promise<number> => (await rows<{ n: number }>(`select count(*) as n from cyrus.${table}`))[0]?.n ?? -1;

/** A clock a hundred times as fast. */
const hasty: Clock = { now: systemClock.now, sleep: (ms, signal) => systemClock.sleep(ms / 100, signal) };

/** A POST whose body is sent by hand. `answered` resolves with the status, or with the error's code. */
function post(
  url: string,
  headers: Readonly<Record<string, string | number>>,
): { readonly outgoing: ClientRequest; readonly answered: Promise<number | string> } {
  const outgoing = request(url, { method: 'POST', headers, agent: false });
  const answered = new Promise<number | string>((resolve) => {
    outgoing.on('response', (response: IncomingMessage) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    outgoing.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
  });
  return { outgoing, answered };
}

describe('pages', () => {
  test('say that it runs, that it is alive and that it is ready', async () => {
    const url = await start();
    expect(await (await fetch(url)).text()).toBe('Cyrus 9.9 is running.\n');
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    const ready = await fetch(`${url}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([200, { ready: true, checks: { database: 'ok', brokers: 'ok' } }]);
    expect((await fetch(`${url}/nowhere`)).status).toBe(404);
  });

  test('not ready says why', async () => {
    const url = await start({
      clock: hasty,
      brokers: () => [{ credential: 'linear:w', held: false }],
      checks: {
        supervisor: () => 'not started',
        slow: () => new Promise(() => undefined),
        broken: () => {
          throw new Error('no such host');
        },
      },
    });
    const ready = await fetch(`${url}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([
      503,
      {
        ready: false,
        checks: {
          database: expect.any(String),
          brokers: expect.stringContaining('linear:w'),
          supervisor: 'not started',
          slow: 'no answer within 2000 ms',
          broken: 'no such host',
        },
      },
    ]);
  });
});

describe('the address', () => {
  test('a port that is taken is an error that names it and what to do', async () => {
    await start();
    const taken = server?.address.port ?? 0;
    const second = createHttpServer({
      host: '127.0.0.1',
      port: taken,
      ingest,
      db: database.db,
      brokers: () => [],
      clock: systemClock,
      log: silentLog,
      version: '9.9',
    });
    const error = await second.catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(FailureError);
    expect((error as FailureError).failure).toEqual({
      class: 'invalid_request',
      message: expect.stringMatching(
        process.platform === 'linux'
          ? new RegExp(`^Port ${taken} on 127\\.0\\.0\\.1 is taken by \\S+.* \\(pid ${process.pid}\\)\\.$`)
          : /is taken by another program/,
      ),
      fix: expect.stringContaining('server.port'),
    });
  });

  test('an address that this machine does not have says so', async () => {
    const error = await createHttpServer({
      host: '192.0.2.1',
      port: 0,
      ingest,
      db: database.db,
      brokers: () => [],
      clock: systemClock,
      log: silentLog,
      version: '9.9',
    }).catch((caught: unknown) => caught);
    expect((error as FailureError).failure.fix).toContain('server.host');
  });
});

describe('a webhook is refused before its body is read', () => {
  const good = { 'linear-signature': 'a'.repeat(64), 'content-type': 'application/json' };
  test.each<[string, string, Record<string, string | number>, number]>([
    ['without a signature', '/webhooks/linear', { 'content-length': 100 }, 401],
    ['with a signature of another shape', '/webhooks/linear', { ...good, 'linear-signature': 'sha1=x', 'content-length': 100 }, 401],
    ['announcing too much', '/webhooks/linear', { ...good, 'content-length': 6 * 1024 * 1024 }, 413],
    ['compressed', '/webhooks/linear', { ...good, 'content-encoding': 'gzip', 'content-length': 100 }, 415],
    ['for GitHub without a signature', '/webhooks/github', { 'content-length': 100 }, 401],
  ])('%s', async (_name, path, headers, status) => {
    const url = await start();
    const { outgoing, answered } = post(`${url}${path}`, headers);
    outgoing.flushHeaders(); // no byte of the body is ever sent
    expect(await answered).toBe(status);
    outgoing.destroy();
  });

  test('or is no POST', async () => {
    const url = await start();
    const answer = await fetch(`${url}/webhooks/linear`);
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST']);
  });

  test('a body of unannounced length is cut off at the limit', async () => {
    const url = await start();
    const { outgoing, answered } = post(`${url}/webhooks/linear`, { ...good, 'transfer-encoding': 'chunked' });
    let sent = 0;
    const chunk = Buffer.alloc(64 * 1024, 'x');
    const pump = (): void => {
      while (sent < 64 * 1024 * 1024 && !outgoing.destroyed) {
        sent += chunk.length;
        if (!outgoing.write(chunk)) {
          outgoing.once('drain', pump);
          return;
        }
      }
    };
    pump();
    expect([413, 'ECONNRESET', 'EPIPE']).toContain(await answered);
    outgoing.destroy();
    expect(sent).toBeLessThan(16 * 1024 * 1024);
  });

  test('a body that does not come is not waited for', async () => {
    const url = await start({ clock: hasty });
    const { outgoing, answered } = post(`${url}/webhooks/linear`, { ...good, 'content-length': 100 });
    outgoing.write('{');
    expect(await answered).toBe(408);
    outgoing.destroy();
  });
});

test('the body counts as bytes: what is signed is what came', async () => {
  const url = await start();
  const { raw, headers } = delivery(`{ "webhookTimestamp" : ${Date.now()}, "type":"Ünïcode – ✓"}`);
  const answer = await fetch(`${url}/webhooks/linear?x=1`, {
    method: 'POST',
    body: new Uint8Array(raw),
    headers: headers as Record<string, string>,
  });
  expect([answer.status, await answer.json()]).toEqual([200, { outcome: 'ignored', reason: 'Ünïcode – ✓' }]);
});

test("GitHub's deliveries are verified and stored once", async () => {
  const url = await start();
  const send = async (body: string, key = 'gh', id = 'delivery-1') =>
    (
      await fetch(`${url}/webhooks/github`, {
        method: 'POST',
        body,
        headers: {
          'x-github-event': 'pull_request',
          'x-github-delivery': id,
          'x-hub-signature-256': `sha256=${createHmac('sha256', key).update(body).digest('hex')}`,
        },
      })
    ).status;
  expect(await send('{"action":"opened","n":"\\u0000"}')).toBe(200);
  expect(await send('{"action":"opened","n":"\\u0000"}')).toBe(200);
  expect(await send('{"action":"closed"}', 'wrong', 'delivery-2')).toBe(401);
  expect(await send('{"action":', 'gh', 'delivery-3')).toBe(400);
  expect(await rows('select source, event, delivery_id, body from cyrus.inbox')).toEqual([
    { source: 'github', event: 'pull_request', delivery_id: 'delivery-1', body: { action: 'opened', n: '\ufffd' } },
  ]);
});

test('while the database is away webhooks get 503 and it is not ready', async () => {
  const url = await start({ clock: hasty });
  await database.db.close();
  const { raw, headers } = delivery(createdBody({ at: Date.now() }));
  const answer = await fetch(`${url}/webhooks/linear`, {
    method: 'POST',
    body: new Uint8Array(raw),
    headers: headers as Record<string, string>,
  });
  expect(answer.status).toBe(503);
  expect((await fetch(`${url}/readyz`)).status).toBe(503);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
});

test('closing lets a request under way end and takes no new one', async () => {
  let release = (): void => undefined;
  const waiting = new Promise<void>((resolve) => {
    release = resolve;
  });
  let begun = false;
  const url = await start({
    ingest: {
      github: ingest.github,
      linear: async () => {
        begun = true;
        await waiting;
        return { status: 200, body: {} };
      },
    },
  });
  const { raw, headers } = delivery(createdBody({ at: Date.now() }));
  const answer = fetch(`${url}/webhooks/linear`, { method: 'POST', body: new Uint8Array(raw), headers: headers as Record<string, string> });
  await until('it is under way', () => begun);
  const closed = server?.close();
  await expect(fetch(url)).rejects.toThrow();
  release();
  expect((await answer).status).toBe(200);
  await closed;
});

test('a flood of forged webhooks leaves no memory behind', async () => {
  const url = await start();
  setFlagsFromString('--expose_gc');
  const collect = runInNewContext('gc') as () => void;
  const raw = Buffer.from(JSON.stringify({ ...createdBody({ at: Date.now() }), padding: 'x'.repeat(20_000) }));
  const flood = async (requests: number): Promise<void> => {
    let left = requests;
    const client = async (): Promise<void> => {
      while (left-- > 0) {
        const forged = left % 2 === 0 ? 'f'.repeat(64) : 'not a signature';
        const answer = await fetch(`${url}/webhooks/linear`, {
          method: 'POST',
          body: new Uint8Array(raw),
          headers: { 'linear-signature': forged },
        }).catch(() => undefined);
        await answer?.text();
      }
    };
    await Promise.all(Array.from({ length: 16 }, client));
  };
  const used = (): number => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  await flood(500);
  const before = used();
  await flood(2_000);
  // Buffers of closed connections are let go a little later than what pointed to them.
  await until('the memory is free again', () => used() - before < 5 * 1024 * 1024);
  expect(await count('inbox')).toBe(0);
});

describe('with Linear', () => {
  let linear: LinearStandIn;
  /** Linear's hour passes in less than two seconds. */
  const timeScale = 2_000;

  beforeEach(async () => {
    linear = await startLinear({ timeScale });
  });
  afterEach(() => linear.stop());

  async function connected(options: Partial<HttpServerOptions> = {}): Promise<void> {
    linear.control.setWebhook({ url: `${await start(options)}/webhooks/linear`, secret });
  }
  const delivered = (n: number) => until(`${n} deliveries`, () => linear.control.deliveries().length >= n);
  const delegate = (): string => linear.people.createIssue({ title: 'Fix it', delegate: true }).sessions[0] ?? '';

  test('a delegation arrives as a session with its first activity', async () => {
    await connected();
    const session = delegate();
    await until('it is stored', async () => (await count('message')) === 1);
    expect(await rows('select id from cyrus.session')).toEqual([{ id: session }]);
    expect(await rows(`select payload ->> 'sessionId' as id from cyrus.outbound_write`)).toEqual([{ id: session }]);
    // The root comment that Linear writes on delegation asks for nothing.
    expect(await rows('select body from cyrus.message')).toEqual([{ body: '' }]);
  });

  test('a mention brings its words', async () => {
    await connected();
    const issue = linear.people.createIssue({ title: 'Fix it' });
    linear.people.comment(issue.identifier, { body: 'please look at this', mention: true });
    await until('it is stored', async () => (await count('message')) === 1);
    expect((await rows<{ body: string }>('select body from cyrus.message'))[0]?.body).toContain('please look at this');
  });

  test('deliveries repeated after a second, a minute and an hour, under new ids, change nothing', async () => {
    linear.control.addFault({ kind: 'duplicate', afterMs: [1_000, 60_000, 3_600_000], deliveryId: 'new' });
    await connected();
    const session = delegate();
    await until(
      'all four copies were answered',
      () => linear.control.deliveries().filter(({ action }) => action === 'created').length === 4,
    );
    linear.people.prompt(session, { body: 'and the tests' });
    await until(
      'all four copies of the prompt were answered',
      () => linear.control.deliveries().filter(({ action }) => action === 'prompted').length === 4,
    );
    expect(linear.control.deliveries().every(({ status }) => status === 200)).toBe(true);
    expect(await rows('select seq, body from cyrus.message order by seq')).toEqual([
      { seq: 1, body: '' },
      { seq: 2, body: 'and the tests' },
    ]);
    expect([await count('turn'), await count('outbound_write')]).toEqual([1, 1]);
  });

  test('a prompt that overtakes its creation begins the session', async () => {
    linear.control.addFault({ kind: 'reorder', holdMs: 24 * 3_600_000 });
    await connected();
    const session = delegate();
    linear.people.prompt(session, { body: 'hurry' });
    await until('both were answered', () =>
      ['created', 'prompted'].every((wanted) =>
        linear.control.deliveries().some(({ action, status }) => action === wanted && status === 200),
      ),
    );
    expect(await rows('select body from cyrus.message')).toEqual([{ body: 'hurry' }]);
    expect([await count('turn'), await count('outbound_write')]).toEqual([1, 1]);
    expect((await rows<{ context: object }>('select context from cyrus.session'))[0]?.context).toHaveProperty('promptContext');
  });

  test('what got 503 is taken when Linear sends it again', async () => {
    let away = true;
    await connected({
      ingest: {
        github: ingest.github,
        linear: async (raw, headers) => (away ? { status: 503, body: {} } : ingest.linear(raw, headers)),
      },
    });
    delegate();
    await delivered(2);
    expect(await count('inbox')).toBe(0);
    away = false;
    await until('it is stored', async () => (await count('message')) === 1);
    expect(linear.control.deliveries().at(-1)?.status).toBe(200);
  });

  test('stop and unassignment arrive as stops', async () => {
    await connected();
    const session = delegate();
    await until('it is stored', async () => (await count('message')) === 1);
    linear.people.stop(session);
    await until('the stop is stored', async () => (await count('message')) === 2);
    const issue = linear.control.state().issues[0]?.identifier ?? '';
    linear.people.undelegate(issue);
    // Linear tells of it twice: as a notification and as a change of the issue.
    await until('the unassignment is stored', async () => (await count('message')) >= 3);
    expect(await rows('select seq, signal from cyrus.message where seq <= 3 order by seq')).toEqual([
      { seq: 1, signal: null },
      { seq: 2, signal: 'stop' },
      { seq: 3, signal: 'stop' },
    ]);
  });
});
