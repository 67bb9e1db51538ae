import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ModelStandIn, startModel } from '../src/server.ts';

let model: ModelStandIn;
beforeEach(async () => {
  model = await startModel({ apiKeys: ['good'] });
});
afterEach(() => model.close());

const body = (text: string, more: object = {}): object => ({
  model: 'claude-sonnet-5',
  max_tokens: 1000,
  messages: [{ role: 'user', content: text }],
  ...more,
});
const post = (path: string, json: object | string, key = 'good', signal?: AbortSignal): Promise<Response> =>
  fetch(model.url + path, {
    method: 'POST',
    headers: { 'x-api-key': key, 'content-type': 'application/json' },
    body: typeof json === 'string' ? json : JSON.stringify(json),
    ...(signal ? { signal } : {}),
  });
const ask = (text: string, more: object = {}): Promise<Response> => post('/v1/messages', body(text, more));
const control = (method: string, path: string, json?: unknown): Promise<Response> =>
  fetch(`${model.url}/control/${path}`, { method, ...(json === undefined ? {} : { body: JSON.stringify(json) }) });

function events(stream: string): { type: string; [name: string]: unknown }[] {
  return stream
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => JSON.parse(line.slice(6)));
}

describe('the Messages API', () => {
  test('streams a message in the published order of events', async () => {
    const response = await ask('SCRIPT:[{"text":"A text longer than one chunk.","tool":"Bash","input":{"command":"ls"}}]', {
      stream: true,
    });
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const sent = events(await response.text());
    expect(sent.map((event) => event.type)).toEqual([
      'message_start',
      ...['content_block_start', 'content_block_delta', 'content_block_delta', 'content_block_stop'],
      ...['content_block_start', 'content_block_delta', 'content_block_stop'],
      'message_delta',
      'message_stop',
    ]);
    expect(sent[6]).toMatchObject({ index: 1, delta: { type: 'input_json_delta', partial_json: '{"command":"ls"}' } });
    expect(sent.at(-2)).toMatchObject({ delta: { stop_reason: 'tool_use' }, usage: { output_tokens: 300 } });
  });

  test('answers at once when no stream is asked for, and keeps to max_tokens', async () => {
    const answer = await (await ask('SCRIPT:[{"text":"Hi."}]', { max_tokens: 10 })).json();
    expect(answer).toMatchObject({
      role: 'assistant',
      content: [{ type: 'text', text: 'Hi.' }],
      stop_reason: 'max_tokens',
      usage: { output_tokens: 10 },
    });
  });

  test('counts tokens and lists models', async () => {
    expect(await (await post('/v1/messages/count_tokens', body('x'))).json()).toEqual({ input_tokens: expect.any(Number) });
    const headers = { authorization: 'Bearer good' };
    expect(await (await fetch(`${model.url}/v1/models`, { headers })).json()).toMatchObject({
      data: expect.arrayContaining([expect.objectContaining({ id: 'claude-sonnet-5' })]),
    });
    expect((await fetch(`${model.url}/v1/models/nope`, { headers })).status).toBe(404);
  });

  test.each<[string, object | string, number]>([
    ['no JSON', '{', 400],
    ['no model', { max_tokens: 1, messages: [{ role: 'user', content: 'x' }] }, 400],
    ['no messages', { model: 'm', max_tokens: 1, messages: [] }, 400],
    ['no max_tokens', { model: 'm', messages: [{ role: 'user', content: 'x' }] }, 400],
  ])('refuses a request with %s', async (_name, json, status) => {
    const response = await post('/v1/messages', json);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ type: 'error', error: { type: 'invalid_request_error' } });
  });

  test('refuses a wrong key and an unknown path, and records both', async () => {
    expect((await post('/v1/messages', body('x'), 'bad')).status).toBe(401);
    expect((await post('/v1/unknown', {})).status).toBe(404);
    expect(await (await control('GET', 'requests')).json()).toMatchObject([
      { path: '/v1/messages', status: 401, apiKey: 'bad', userTexts: ['x'], messageCount: 1 },
      { path: '/v1/unknown', status: 404 },
    ]);
    await control('DELETE', 'requests');
    expect(model.requests()).toEqual([]);
  });
});

describe('faults, one line each', () => {
  test.each<[string, object, (response: Response) => void]>([
    [
      'rate-limited',
      { rateLimited: { next: 1, retryAfterS: 7 } },
      (response) => expect([response.status, response.headers.get('retry-after')]).toEqual([429, '7']),
    ],
    ['overloaded', { overloaded: { next: 1 } }, (response) => expect(response.status).toBe(529)],
    ['bad request', { badRequest: { next: 1 } }, (response) => expect(response.status).toBe(400)],
  ])('%s strikes as often as told', async (_name, faults, check) => {
    await control('POST', 'faults', faults);
    check(await ask('x'));
    expect((await ask('x')).status).toBe(200);
  });

  test('a stream is cut off in the middle', async () => {
    await control('POST', 'faults', { cutOff: { next: 1 } });
    const response = await ask('x', { stream: true });
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow();
    expect((await ask('x', { stream: true })).status).toBe(200);
  });

  test('an outage drops connections until it is over', async () => {
    await control('POST', 'faults', { outage: true });
    await expect(ask('x')).rejects.toThrow();
    await control('POST', 'faults', { outage: false });
    expect((await ask('x')).status).toBe(200);
  });

  test('every key can be refused', async () => {
    await control('POST', 'faults', { invalidKey: true });
    expect((await ask('x')).status).toBe(401);
    await control('DELETE', 'faults');
    expect((await ask('x')).status).toBe(200);
  });

  test('a scripted error is an error, a slow stream can be left, and that is recorded', async () => {
    expect((await ask('SCRIPT:[{"error":503}]')).status).toBe(503);
    await control('POST', 'faults', { slowMs: 10_000 });
    const leave = new AbortController();
    const response = await post('/v1/messages', body('x', { stream: true }), 'good', leave.signal);
    const reader = response.body?.getReader();
    await reader?.read();
    leave.abort();
    await expect.poll(() => model.requests().at(-1)?.aborted).toBe(true);
  });
});

describe('control', () => {
  test('scripts are registered and removed', async () => {
    await control('POST', 'scripts', { match: 'ENG-9', steps: [{ text: 'scripted' }] });
    expect(await (await ask('about ENG-9')).json()).toMatchObject({ content: [{ text: 'scripted' }] });
    await control('DELETE', 'scripts');
    expect(await (await ask('about ENG-9')).json()).toMatchObject({ content: [{ text: expect.stringContaining('No script') }] });
  });

  test.each<[string, unknown, RegExp]>([
    ['scripts', { match: 'x', steps: [], extra: 1 }, /unknown field "extra"/],
    ['scripts', { match: '', steps: [{}] }, /"match"/],
    ['scripts', { match: 'x', steps: [] }, /"steps"/],
    ['scripts', { match: 'x', steps: [{ txt: 'typo' }] }, /unknown field "txt"/],
    ['faults', { slwMs: 5 }, /unknown fault "slwMs"/],
  ])('%s %j is refused with its mistake', async (path, json, expected) => {
    const response = await control('POST', path, json);
    expect(response.status).toBe(400);
    expect(((await response.json()) as { error: string }).error).toMatch(expected);
  });

  test('an unknown control path is refused', async () => expect((await control('GET', 'nothing')).status).toBe(404));
});

test('the program says where it listens and ends on SIGTERM', async () => {
  const program = fileURLToPath(new URL('../src/main.ts', import.meta.url));
  const child = spawn(process.execPath, ['--conditions=cyrus-source', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(child.stdout, 'data');
  const { ready, url } = JSON.parse(String(line)) as { ready: boolean; url: string };
  expect(ready).toBe(true);
  expect((await fetch(`${url}/control/requests`)).status).toBe(200);
  child.kill('SIGTERM');
  expect((await once(child, 'exit'))[0]).toBe(0);
});
