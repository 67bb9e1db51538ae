import { manualClock, systemClock } from 'cyrus-core/clock';
import { authorizationOf, createLinear, type LinearClient } from 'cyrus-linear/client';
import { readIssue } from 'cyrus-linear/read-issue';
import { readViewer } from 'cyrus-linear/read-viewer';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AnsweringServer, answeringServer } from './answering-server.ts';

let server: AnsweringServer;
let client: LinearClient;
const clock = manualClock(Date.UTC(2026, 10, 21));
beforeAll(async () => {
  server = await answeringServer();
  client = createLinear({ apiUrl: server.url, token: 'lin_api_key', clock });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

test.each([
  ['lin_api_abc', 'lin_api_abc'],
  ['lin_oauth_abc', 'Bearer lin_oauth_abc'],
  ['Bearer lin_oauth_abc', 'Bearer lin_oauth_abc'],
  [' opaque\n', 'Bearer opaque'],
])('token %j is sent as %j', (token, header) => {
  expect(authorizationOf(token)).toBe(header);
});

test('a call carries document, variables and token; data comes back; the rate is kept', async () => {
  const headers = {
    // Resets are told by Linear's clock; here it is ours.
    date: new Date(clock.now()).toUTCString(),
    'x-ratelimit-requests-limit': '5000',
    'x-ratelimit-requests-remaining': '4321',
    'x-ratelimit-requests-reset': '1795219200000',
  };
  server.answer({ headers, body: { data: { a: 1 } } });
  expect(await client.request('query A { a }', { x: 'שלום "👋" \\' })).toEqual({ ok: true, value: { a: 1 } });
  expect(server.calls.at(-1)).toMatchObject({
    query: 'query A { a }',
    variables: { x: 'שלום "👋" \\' },
    headers: { authorization: 'lin_api_key' },
  });
  expect(client.rate()).toEqual({ requests: { limit: 5000, remaining: 4321, resetAt: 1_795_219_200_000 } });
});

test('data beside errors is no success', async () => {
  server.answer({ body: { data: { a: 1 }, errors: [{ message: 'half', extensions: { userError: true } }] } });
  expect(await client.request('{ a }', {})).toMatchObject({ ok: false, error: { action: 'rejected' } });
});

describe('no answer is a reason to try again', () => {
  test('the connection is cut in the middle of the answer', async () => {
    server.answer((response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('{"data":', () => response.destroy());
    });
    expect(await client.request('{ a }', {})).toMatchObject({ ok: false, error: { action: 'retry', failure: { class: 'network' } } });
  });

  test('the address refuses', async () => {
    const gone = await answeringServer();
    await gone[Symbol.asyncDispose]();
    const dead = createLinear({ apiUrl: gone.url, token: 't', clock });
    expect(await dead.request('{ a }', {})).toMatchObject({
      ok: false,
      error: { action: 'retry', failure: { message: expect.stringContaining('ECONNREFUSED') } },
    });
  });

  test('a page in place of JSON', async () => {
    server.answer({ body: '<html>maintenance</html>' });
    expect(await client.request('{ a }', {})).toMatchObject({ ok: false, error: { action: 'retry', failure: { class: 'network' } } });
  });

  test('silence ends after the time allowed, by the clock that was given', async () => {
    const arrived = Promise.withResolvers<void>();
    server.answer(() => arrived.resolve());
    const asked = client.request('{ a }', {});
    await arrived.promise;
    clock.advance(10_000);
    expect(await asked).toMatchObject({
      ok: false,
      error: { action: 'retry', failure: { message: 'Linear did not answer: no answer within 10000 ms' } },
    });
  });

  test('the caller gives up', async () => {
    const giveUp = new AbortController();
    server.answer(() => giveUp.abort());
    expect(await client.request('{ a }', {}, giveUp.signal)).toMatchObject({ ok: false, error: { action: 'retry' } });
  });
});

test('a redirect is not followed: the token stays with the address it was given for', async () => {
  await using other = await answeringServer();
  other.answer({ body: { data: { a: 1 } } });
  server.answer({ status: 307, headers: { location: other.url }, body: '' });
  expect(await client.request('{ a }', {})).toMatchObject({
    ok: false,
    error: { action: 'retry', failure: { fix: 'check linear.apiUrl' } },
  });
  expect(other.calls).toEqual([]);
});

test('many calls share few connections', async () => {
  const ports = new Set<number | undefined>();
  const real = createLinear({ apiUrl: server.url, token: 't', clock: systemClock });
  for (let call = 0; call < 20; call++) {
    server.answer((response) => {
      ports.add(response.socket?.remotePort);
      response.end('{"data":{}}');
    });
    expect((await real.request('{ a }', {})).ok).toBe(true);
  }
  expect(ports.size).toBeLessThanOrEqual(2);
});

test('an answer of another shape is told, not thrown', async () => {
  server.answer({ body: { data: { issue: null } } }, { body: { data: { viewer: {} } } });
  expect(await readIssue(client, 'ENG-1')).toMatchObject({
    ok: false,
    error: { action: 'rejected', failure: { class: 'invalid_request' } },
  });
  expect(await readViewer(client)).toMatchObject({ ok: false, error: { action: 'rejected' } });
});
