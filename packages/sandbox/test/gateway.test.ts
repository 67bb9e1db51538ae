import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, request as requestHttp, type Server } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { manualClock, systemClock } from 'cyrus-core/clock';
import { countingIds } from 'cyrus-core/ids';
import { loadPrices, withOwnPrices } from 'cyrus-core/prices';
import { type ModelStandIn, startModel } from 'cyrus-stand-in-model/server';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { OuterProxy } from '../src/egress/outer-proxy.ts';
import {
  type CallNote,
  createGateway,
  type DoorRules,
  type Gateway,
  type GatewayDoor,
  type GatewayOptions,
} from '../src/gateway/gateway.ts';
import type { NotPassed } from '../src/gateway/request-rules.ts';
import { type Book, openBook } from './book.ts';
import { eventually } from './hosts.ts';

const realKey = 'sk-ant-the-real-one';
const secretWords = 'nobody is to read this';
const price = await loadPrices();
const model = 'claude-sonnet-4-5';

let directory: string;
let api: ModelStandIn;
let gateway: Gateway;
let door: GatewayDoor;
let book: Book;
let notes: CallNote[];
let refusals: NotPassed[];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gateway-'));
  api = await startModel({ apiKeys: [realKey], countTokens: true });
  notes = [];
});
afterEach(async () => {
  await door?.close();
  gateway?.close();
  await api.close();
  await rm(directory, { recursive: true, force: true });
});

async function open(limitUsd: number, more: Partial<GatewayOptions> = {}, rules: Partial<DoorRules> = {}): Promise<void> {
  book = openBook(limitUsd * 1_000_000);
  gateway = createGateway({
    apiUrl: api.url,
    apiKey: realKey,
    ledger: book,
    prices: { price, name: 'test' },
    clock: systemClock,
    ids: countingIds('call'),
    log: (note) => notes.push(note),
    ...more,
  });
  refusals = [];
  const refused = (refusal: NotPassed) => refusals.push(refusal);
  door = await gateway.open({ attemptId: 'attempt-1', socket: join(directory, 'model'), refused, ...rules });
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  readonly broken: boolean;
}

interface Ask {
  readonly path?: string;
  readonly method?: string;
  readonly key?: string;
  readonly raw?: string;
  /** Leaves once so much has come. */
  readonly leaveAfter?: number;
}

function ask(
  body: object,
  { path = '/v1/messages?beta=true', method = 'POST', key = door.key, raw, leaveAfter }: Ask = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { 'x-api-key': key, 'content-type': 'application/json', 'anthropic-version': '2023-06-01', cookie: 'a=b' };
    const request = requestHttp({ socketPath: join(directory, 'model'), path, method, headers, agent: false }, (answer) => {
      let text = '';
      const end = (broken: boolean): void => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text, broken });
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        if (leaveAfter !== undefined && text.length >= leaveAfter) request.destroy();
      });
      answer.once('end', () => end(false));
      answer.once('error', () => end(true));
    });
    request.once('error', (error) => (leaveAfter === undefined ? reject(error) : undefined));
    request.end(raw ?? JSON.stringify(body));
  });
}

const prompt = (steps: readonly object[], more: object = {}): object => ({
  model,
  max_tokens: 1000,
  messages: [{ role: 'user', content: `${secretWords} SCRIPT:${JSON.stringify(steps)}` }],
  ...more,
});
/** Null: it cost nothing. */
const settledCosts = (): (number | null)[] => [...book.settled.values()].map((usage) => usage?.cost ?? null);

describe('a call', () => {
  test('gets the key outside, comes through unchanged, and is charged as the stream says', async () => {
    await open(5);
    const steps = [
      {
        text: 'An answer. '.repeat(50),
        usage: { input_tokens: 100, output_tokens: 70, cache_read_input_tokens: 2000, cache_creation_input_tokens: 300 },
      },
    ];
    const through = await ask(prompt(steps, { stream: true }));
    const direct = await fetch(`${api.url}/v1/messages?beta=true`, {
      method: 'POST',
      headers: { 'x-api-key': realKey, 'content-type': 'application/json' },
      body: JSON.stringify(prompt(steps, { stream: true })),
    });
    const sameIds = (text: string): string => text.replace(/msg_\d+/g, 'msg');
    expect(sameIds(through.text)).toBe(sameIds(await direct.text()));
    expect(through.headers).toMatchObject({ 'content-type': 'text/event-stream', 'request-id': 'req_1' });
    expect(api.requests().map(({ apiKey }) => apiKey)).toEqual([realKey, realKey]);
    expect([...book.settled.values()]).toEqual([
      {
        model,
        inputTokens: 100,
        outputTokens: 70,
        cacheReadTokens: 2000,
        cacheWriteTokens: 300,
        // 100 × $3 + 70 × $15 + 2000 × $0.30 + 300 × $3.75, of a million.
        cost: 3075,
        prices: 'test',
      },
    ]);
    expect(book.intents[0]).toMatchObject({ callId: 'call-1', attemptId: 'attempt-1', model });
    expect(book.intents[0]?.worstCase).toBeGreaterThan(15_000);
  });

  test('is charged from an answer in one piece, too', async () => {
    await open(5);
    const answer = await ask(prompt([{ text: 'Whole.', usage: { input_tokens: 10, output_tokens: 7 } }]));
    expect(JSON.parse(answer.text)).toMatchObject({ content: [{ text: 'Whole.' }] });
    expect([...book.settled.values()]).toMatchObject([{ inputTokens: 10, outputTokens: 7 }]);
  });

  test('leaves neither what was said nor the key in any note, and no cookie at the provider', async () => {
    await open(5);
    await ask(prompt([{ text: 'Said.' }], { stream: true }));
    api.setFaults({ outage: true });
    const broken = await ask(prompt([{ text: 'x' }]));
    expect(broken.status).toBe(502);
    expect(notes).toHaveLength(2);
    for (const text of [JSON.stringify(notes), broken.text, JSON.stringify(broken.headers)]) {
      expect(text).not.toContain(secretWords);
      expect(text).not.toContain(realKey);
    }
  });
});

describe('what is not paid for', () => {
  test('gets a smaller answer where money is short, and the input is counted exactly then', async () => {
    await open(0.02);
    const filler = 'a word and another '.repeat(300);
    const answer = await ask(
      prompt([{ text: 'x', usage: { output_tokens: 99_999 } }, { text: filler }], {
        max_tokens: 32_000,
        thinking: { type: 'enabled', budget_tokens: 31_000 },
      }),
    );
    expect(answer.status).toBe(200);
    const sent = JSON.parse(answer.text) as { usage: { output_tokens: number } };
    expect(sent.usage.output_tokens).toBeLessThan(1400);
    expect(sent.usage.output_tokens).toBeGreaterThan(700);
    expect(book.highest()).toBeLessThanOrEqual(20_000);
    expect(api.requests().map(({ path }) => path)).toEqual(['/v1/messages/count_tokens', '/v1/messages']);
  });

  test('is refused with 402 in the form of the API, and not forwarded', async () => {
    await open(0.001);
    const answer = await ask(prompt([{ text: 'x' }]));
    expect(answer.status).toBe(402);
    expect(answer.headers['x-should-retry']).toBe('false');
    expect(JSON.parse(answer.text)).toEqual({
      type: 'error',
      error: { type: 'billing_error', message: 'No budget for this call: the task may cost no more' },
    });
    expect(api.requests().filter(({ path }) => path === '/v1/messages')).toEqual([]);
    expect(notes).toMatchObject([{ status: 402 }]);
  });

  test('a model without a price is not called, and it is said what would help', async () => {
    await open(1);
    const answer = await ask(prompt([{ text: 'x' }], { model: 'a-model-nobody-knows' }));
    expect(answer).toMatchObject({ status: 400, headers: { 'x-should-retry': 'false' } });
    expect(answer.text).toMatch(/a-model-nobody-knows has no known price.*claude\.prices/);
    expect(refusals).toEqual([{ what: 'the model a-model-nobody-knows', message: expect.any(String) }]);
    expect(book.intents).toEqual([]);
    expect(api.requests()).toEqual([]);
  });

  test('but where nothing is held to a budget it is, and is charged as unpriced', async () => {
    await open(1, {}, { unpriced: true });
    expect((await ask(prompt([{ text: 'x' }], { model: 'a-model-nobody-knows' }))).status).toBe(200);
    expect(book.intents).toMatchObject([{ worstCase: null }]);
    expect([...book.settled.values()]).toMatchObject([{ model: 'a-model-nobody-knows', cost: null }]);
  });

  test('eight calls at once on the last $0.50 never pass it, and nothing is missing from the book', async () => {
    await open(0.5);
    const steps = [{ text: 'x', usage: { output_tokens: 100_000 }, delay: 20 }];
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask(prompt(steps, { max_tokens: 16_000, stream: true }))));
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThan(1);
    expect(answers.filter(({ status }) => ![200, 402, 503].includes(status))).toEqual([]);
    expect(book.highest()).toBeLessThanOrEqual(500_000);
    const billed = answers.flatMap(({ text }) =>
      [...text.matchAll(/"type":"message_delta".*"output_tokens":(\d+)/g)].map((found) => Number(found[1])),
    );
    expect(billed.reduce((sum, tokens) => sum + tokens * 15, 0)).toBeLessThanOrEqual(500_000);
    expect(book.settled.size).toBe(billed.length);
  });
});

describe('a call that breaks off', () => {
  test('at the agent: what was streamed counts', async () => {
    await open(5);
    await ask(prompt([{ text: 'word '.repeat(400), slow: 10, usage: { input_tokens: 500 } }], { stream: true }), { leaveAfter: 1500 });
    expect(await eventually(async () => book.settled.size === 1)).toBe(true);
    const [used] = book.settled.values();
    expect(used?.inputTokens).toBe(500);
    expect(used?.outputTokens).toBeGreaterThan(10);
    expect(used?.outputTokens).toBeLessThan(900);
    expect(await eventually(async () => api.requests()[0]?.aborted === true)).toBe(true);
  });

  test('at the provider: what was streamed counts, and the agent sees that it broke', async () => {
    await open(5);
    api.setFaults({ cutOff: { next: 1 } });
    expect(await ask(prompt([{ text: 'x', usage: { input_tokens: 500 } }], { stream: true }))).toMatchObject({ status: 200, broken: true });
    expect([...book.settled.values()]).toMatchObject([{ inputTokens: 500, outputTokens: 9 }]);
  });

  test('without a word: its input counts, not what was never begun', async () => {
    await open(5);
    api.setFaults({ outage: true });
    expect((await ask(prompt([{ text: 'x' }], { stream: true }))).status).toBe(502);
    expect([...book.settled.values()]).toMatchObject([{ outputTokens: 0, inputTokens: expect.any(Number) }]);
    expect(book.total()).toBeGreaterThan(0);
    expect(book.total()).toBeLessThan(1_000);
  });

  test('without a word, but of an answer that comes in one piece: what may have been written meanwhile counts, too', async () => {
    const clock = manualClock(Date.now());
    await open(5, { clock });
    const left = leave(prompt([{ text: 'x', delay: 600_000 }], { max_tokens: 60_000 }));
    await waitForRequest();
    clock.advance(20_000);
    left();
    await expect.poll(() => book.settled.size).toBe(1);
    // 20 s of 200 tokens, of 60,000 that were allowed.
    expect([...book.settled.values()]).toMatchObject([{ outputTokens: 4_000 }]);
  });

  test('at the agent, before the first word: its input counts', async () => {
    await open(5);
    const left = leave(prompt([{ text: 'x', delay: 600_000 }], { stream: true, max_tokens: 60_000 }));
    await waitForRequest();
    left();
    await expect.poll(() => book.settled.size).toBe(1);
    expect([...book.settled.values()]).toMatchObject([{ outputTokens: 0, inputTokens: expect.any(Number) }]);
    expect(book.total()).toBeLessThan(1_000);
  });

  test('before it reached the provider: it cost nothing', async () => {
    await open(5, { apiUrl: 'http://127.0.0.1:9' });
    expect(await ask(prompt([{ text: 'x' }]))).toMatchObject({
      status: 502,
      text: expect.stringMatching(/cannot be reached from Cyrus: ECONNREFUSED.*claude\.apiUrl/),
    });
    expect(settledCosts()).toEqual([null]);
    expect(book.total()).toBe(0);
    expect((await ask(prompt([{ text: 'x' }]))).text).not.toMatch(/127\.0\.0\.1/);
  });

  test('a refusal of the provider costs nothing and comes through', async () => {
    await open(5);
    api.setFaults({ badRequest: { next: 1, message: 'prompt is too long' } });
    expect(await ask(prompt([{ text: 'x' }]))).toMatchObject({ status: 400, text: expect.stringContaining('prompt is too long') });
    expect(settledCosts()).toEqual([null]);
  });

  test('closing the door ends calls under way and settles them', async () => {
    await open(5);
    const answer = ask(prompt([{ text: 'word '.repeat(4000), slow: 10 }], { stream: true })).catch((error: Error) => error);
    expect(await eventually(async () => api.requests().length === 1)).toBe(true);
    await systemClock.sleep(50);
    await door.close();
    expect((await answer) instanceof Error || ((await answer) as Answer).broken).toBe(true);
    expect(book.settled.size).toBe(1);
  });
});

describe('limits of the provider', () => {
  test('come through, are told of, and are kept to for that model without asking again', async () => {
    const told: unknown[] = [];
    await open(5, { limited: (limit) => told.push(limit) });
    api.setFaults({ rateLimited: { next: 1, retryAfterS: 30 } });
    expect(await ask(prompt([{ text: 'x' }]))).toMatchObject({ status: 429, headers: { 'retry-after': '30' } });
    expect(told).toEqual([{ model, status: 429, until: expect.any(Number) }]);
    const again = await ask(prompt([{ text: 'x' }]));
    expect(again.status).toBe(429);
    expect(Number(again.headers['retry-after'])).toBeGreaterThan(25);
    expect(api.requests()).toHaveLength(1);
    expect((await ask(prompt([{ text: 'x' }], { model: 'claude-haiku-4-5' }))).status).toBe(200);
    expect(book.total()).toBeLessThan(10_000);
  });

  test('an overload holds nobody back', async () => {
    await open(5);
    api.setFaults({ overloaded: { next: 1 } });
    expect((await ask(prompt([{ text: 'x' }]))).status).toBe(529);
    expect((await ask(prompt([{ text: 'x' }]))).status).toBe(200);
  });
});

/** Begins a call, and gives what ends it. */
function leave(body: object): () => void {
  const headers = { 'x-api-key': door.key };
  const request = requestHttp({ socketPath: join(directory, 'model'), path: '/v1/messages', method: 'POST', headers, agent: false });
  request.on('error', () => undefined);
  request.end(JSON.stringify(body));
  return () => request.destroy();
}
const waitForRequest = () => expect.poll(() => api.requests().length).toBe(1);

describe('behind a proxy of the host', () => {
  let proxy: Server;
  let asked: unknown[];
  beforeEach(async () => {
    asked = [];
    proxy = createServer().listen(0, '127.0.0.1');
    await once(proxy, 'listening');
  });
  afterEach(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  const outer = (): OuterProxy => ({
    host: '127.0.0.1',
    port: (proxy.address() as AddressInfo).port,
    secure: false,
    authorization: 'Basic eHg=',
  });

  test('the provider is reached through it, by one tunnel for many calls', async () => {
    proxy.on('connect', (request, client: Socket) => {
      asked.push([request.url, request.headers['proxy-authorization']]);
      const inner = connect(api.port, '127.0.0.1', () => client.write('HTTP/1.1 200 OK\r\n\r\n'));
      inner.on('error', () => client.destroy());
      client.on('error', () => inner.destroy());
      inner.pipe(client);
      client.pipe(inner);
    });
    await open(5, { apiUrl: 'http://api.example:8080/base', outer: () => outer() });
    // The stand-in knows nothing of /base: what came shows that the way was right.
    expect((await ask(prompt([{ text: 'x' }]))).status).toBe(404);
    expect((await ask(prompt([{ text: 'x' }]))).status).toBe(404);
    expect(api.requests().map(({ path }) => path)).toEqual(['/base/v1/messages', '/base/v1/messages']);
    expect(asked).toEqual([['api.example:8080', 'Basic eHg=']]);
  });

  test('by TLS to the provider itself, inside of the tunnel', async () => {
    proxy.on('connect', (request, client: Socket) => {
      client.on('error', () => undefined);
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      client.once('data', (hello: Buffer) => {
        // A handshake that names whom it is for.
        asked.push([request.url, hello[0], hello.includes('api.example')]);
        client.destroy();
      });
    });
    await open(5, { apiUrl: 'https://api.example', outer: () => outer() });
    expect((await ask(prompt([{ text: 'x' }], { stream: true }))).status).toBe(502);
    expect(asked).toEqual([['api.example:443', 0x16, true]]);
  });

  test('one that refuses costs nothing, and is told without its address', async () => {
    proxy.on('connect', (_, client: Socket) => client.end('HTTP/1.1 407 No\r\n\r\n'));
    await open(5, { apiUrl: 'https://api.example', outer: () => outer() });
    const answer = await ask(prompt([{ text: 'x' }]));
    expect(answer).toMatchObject({ status: 502, text: expect.stringContaining('cannot be reached from Cyrus: PROXY_407') });
    expect(answer.text).not.toMatch(/127\.0\.0\.1|api\.example/);
    expect(settledCosts()).toEqual([null]);
  });
});

describe('what is not offered', () => {
  test.each<[string, Ask, number]>([
    ['another path', { path: '/v1/models' }, 404],
    ['a path that leads elsewhere', { path: '/v1/messages/../files' }, 404],
    ['another method', { method: 'DELETE' }, 404],
    ['batches', { path: '/v1/messages/batches' }, 404],
    ['another key', { key: 'cyrus-guessed' }, 401],
    ['the real key', { key: realKey }, 401],
    ['no JSON', { raw: '{"model":' }, 400],
    ['a second max_tokens', { raw: `{"model":"${model}","max_tokens":1,"messages":[],"max\\u005ftokens":64000}` }, 400],
    ['a model whose name is none', { raw: '{"model":"claude-3-haiku/../claude-opus-4-8","max_tokens":1,"messages":[]}' }, 400],
    ['no max_tokens', { raw: `{"model":"${model}","messages":[]}` }, 400],
    ['what would have the provider go out', { raw: `{"model":"${model}","max_tokens":1,"messages":[],"mcp_servers":[{}]}` }, 400],
    [
      'the same where tokens are only counted',
      { path: '/v1/messages/count_tokens', raw: `{"model":"${model}","messages":[],"mcp_servers":[{}]}` },
      400,
    ],
    [
      'a page that the provider fetches',
      { raw: `{"model":"${model}","max_tokens":1,"messages":[],"tools":[{"type":"web_fetch_20250910"}]}` },
      400,
    ],
    [
      'a search that is not allowed',
      { raw: `{"model":"${model}","max_tokens":1,"messages":[],"tools":[{"type":"web_search_20250305"}]}` },
      400,
    ],
    ['what nobody knows', { raw: `{"model":"${model}","max_tokens":1,"messages":[],"reach":"out"}` }, 400],
    ['dearer ways of being served', { raw: `{"model":"${model}","max_tokens":1,"messages":[],"speed":"fast"}` }, 400],
  ])('%s', async (_name, how, status) => {
    await open(5);
    const answer = await ask(prompt([{ text: 'x' }]), how);
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.text)).toMatchObject({ type: 'error', error: { type: expect.any(String) } });
    expect(api.requests()).toEqual([]);
    expect(book.intents).toEqual([]);
  });

  test('is told to who runs it, by its name', async () => {
    await open(5);
    await ask(prompt([], { mcp_servers: [{ url: secretWords }] }));
    expect(refusals).toEqual([{ what: 'the field "mcp_servers"', message: expect.stringContaining('is not passed on') }]);
  });

  test('but searches where they are allowed, with what they cost at most written down', async () => {
    await open(50, {}, { webSearch: true });
    const search = { type: 'web_search_20250305', name: 'web_search', max_uses: 8 };
    expect((await ask(prompt([{ text: 'x' }], { tools: [search] }))).status).toBe(200);
    // 36 × 20,000 tokens found and read again, and 8 searches.
    expect(book.intents[0]?.worstCase).toBeGreaterThan(36 * 20_000 * 3 + 80_000);
  });

  test('a request beyond the size of the API', async () => {
    await open(5);
    const answer = await ask({}, { raw: JSON.stringify(prompt([], { system: 'x'.repeat(33 * 1024 * 1024) })) });
    expect(answer.status).toBe(413);
    expect(api.requests()).toEqual([]);
  });
});

test('more at once than its run may keep in memory; there is room again once they have left', async () => {
  await open(5);
  const large = Buffer.alloc(31 * 1024 * 1024, 'x');
  const headers = { 'x-api-key': door.key };
  const under = Array.from({ length: 5 }, () => {
    const request = requestHttp({ socketPath: join(directory, 'model'), path: '/v1/messages', method: 'POST', headers, agent: false });
    request.on('error', () => undefined);
    return request;
  });
  await Promise.all(under.map((request) => new Promise((resolve) => request.write(large, resolve))));
  const refused = await eventually(async () => (await ask({}, { raw: JSON.stringify({ x: 'x'.repeat(5 * 1024 * 1024) }) })).status === 503);
  expect(refused).toBe(true);
  for (const request of under) request.destroy();
  expect(await eventually(async () => (await ask(prompt([{ text: 'x' }]))).status === 200)).toBe(true);
});

describe('while the ledger is away', () => {
  test('calls wait for it, and nothing is forwarded before it has them', async () => {
    await open(5);
    book.away = true;
    const answer = ask(prompt([{ text: 'x' }]));
    await systemClock.sleep(100);
    expect(api.requests()).toEqual([]);
    book.away = false;
    expect((await answer).status).toBe(200);
  });

  test('what was used is written down once it is back', async () => {
    await open(5);
    const answer = ask(prompt([{ text: 'x', delay: 200 }]));
    expect(await eventually(async () => api.requests().length === 1)).toBe(true);
    book.away = true;
    expect((await answer).status).toBe(200);
    expect(book.settled.size).toBe(0);
    book.away = false;
    expect(await eventually(async () => book.settled.size === 1)).toBe(true);
  });
});

test('a provider that takes its time is waited for, and what it sends comes at once', async () => {
  await open(5);
  let more: (() => void) | undefined;
  const slow: Server = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('event: ping\ndata: {"type":"ping"}\n\n');
    more = () => response.end('event: message_stop\ndata: {"type":"message_stop"}\n\n');
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => slow.once('listening', resolve));
  await door.close();
  await open(5, { apiUrl: `http://127.0.0.1:${(slow.address() as { port: number }).port}` });
  const first = new Promise<string>((resolve) => {
    const request = requestHttp(
      { socketPath: join(directory, 'model'), path: '/v1/messages', method: 'POST', headers: { 'x-api-key': door.key } },
      (answer) => answer.once('data', (chunk: Buffer) => resolve(chunk.toString())),
    );
    request.on('error', () => undefined);
    request.end(JSON.stringify(prompt([], { stream: true })));
  });
  expect(await first).toContain('ping');
  more?.();
  slow.closeAllConnections();
  slow.close();
});

describe('a provider of the operator', () => {
  async function answering(head: string, body = ''): Promise<{ readonly url: string; readonly heads: string[]; close(): unknown }> {
    const heads: string[] = [];
    const server = createTcpServer((client) => {
      client.on('error', () => undefined);
      client.once('data', (chunk) => {
        heads.push(chunk.toString('latin1'));
        client.end(`HTTP/1.1 ${head}\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, heads, close: () => server.close() };
  }

  test('that answers with a status nobody has ends nothing but that call, which is free', async () => {
    const odd = await answering('099 Odd');
    try {
      await open(5, { apiUrl: odd.url });
      expect((await ask(prompt([]))).status).toBe(502);
      await expect.poll(settledCosts).toEqual([null]);
    } finally {
      odd.close();
    }
  });

  test('gets a body as it was read, whatever charset or packing its client names', async () => {
    const own = await answering('200 OK\r\ncontent-type: application/json', '{"usage":{"input_tokens":1,"output_tokens":1}}');
    try {
      await open(5, { apiUrl: own.url });
      const headers = { 'x-api-key': door.key, 'content-type': 'application/json; charset=utf-7', 'content-encoding': 'deflate' };
      const request = requestHttp({ socketPath: join(directory, 'model'), path: '/v1/messages', method: 'POST', headers, agent: false });
      request.end(JSON.stringify(prompt([])));
      const [answer] = (await once(request, 'response')) as [IncomingMessage];
      answer.resume();
      expect(answer.statusCode).toBe(200);
      expect(own.heads[0]).toMatch(/content-type: application\/json\r\n/);
      expect(own.heads[0]).not.toMatch(/content-encoding|utf-7/);
    } finally {
      own.close();
    }
  });

  test('is paid at the price of the model that was asked for, whatever it calls itself', async () => {
    const body = `{"model":"claude-opus-4-8","usage":{"input_tokens":1000000,"output_tokens":0}}`;
    const own = await answering('200 OK\r\ncontent-type: application/json', body);
    try {
      const prices = { price: withOwnPrices(price, () => ({ 'my-model': { inputUsd: 0.5, outputUsd: 1 } })), name: 'test' };
      await open(5, { apiUrl: own.url, prices });
      expect((await ask(prompt([], { model: 'my-model' }))).status).toBe(200);
      await expect.poll(settledCosts).toEqual([500_000]);
    } finally {
      own.close();
    }
  });
});

test('without a socket it is a port of the loopback that its key opens', async () => {
  await open(5);
  const port = await gateway.open({ attemptId: 'attempt-2' });
  const call = (key: string) =>
    fetch(`${port.url}/v1/messages`, { method: 'POST', headers: { 'x-api-key': key }, body: JSON.stringify(prompt([{ text: 'x' }])) });
  expect(port.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect((await call(port.key)).status).toBe(200);
  expect((await call(door.key)).status).toBe(401);
  await port.close();
  expect(book.intents.at(-1)?.attemptId).toBe('attempt-2');
});
