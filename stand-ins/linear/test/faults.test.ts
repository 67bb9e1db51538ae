import { RatelimitedLinearError } from '@linear/sdk';
import { describe, expect, test } from 'vitest';
import type { Fault } from '../src/faults/fault.ts';
import { query, startBench, startSession, until } from './harness.ts';

const id = '5b9c3f7a-1d2e-4f3a-8b4c-6d7e8f9a0b1c';

describe('webhooks', () => {
  test.each(['same', 'new'] as const)('duplicate: again after 1 s, 1 min and 1 h with the %s delivery id', async (deliveryId) => {
    const { linear, receiver } = await startBench({ timeScale: 20_000, events: ['AgentSessionEvent'] });
    linear.control.addFault({ kind: 'duplicate', afterMs: [1_000, 60_000, 3_600_000], deliveryId, action: 'created', times: 1 });
    const { sessions } = linear.people.createIssue({ title: 'x', delegate: true });
    await until(() => linear.control.deliveries().length === 4);
    expect(new Set(receiver.received.map((each) => each.raw)).size).toBe(1);
    expect(new Set(receiver.received.map((each) => each.headers['linear-delivery'])).size).toBe(deliveryId === 'same' ? 1 : 4);
    expect(linear.control.deliveries().filter((each) => each.duplicate).length).toBe(3);
    expect(linear.control.faults()).toEqual([]);
    linear.people.prompt(sessions[0] ?? '', { body: 'once' });
    await until(() => receiver.bodies('AgentSessionEvent', 'prompted').length === 1);
  });

  test('reorder: prompted arrives before created', async () => {
    const { linear, receiver } = await startBench({ events: ['AgentSessionEvent'] });
    linear.control.addFault({ kind: 'reorder' });
    const { sessions } = linear.people.createIssue({ title: 'x', delegate: true });
    linear.people.prompt(sessions[0] ?? '', { body: 'more' });
    await until(() => receiver.received.length === 2);
    expect(receiver.received.map((each) => each.body.action)).toEqual(['prompted', 'created']);
  });

  test('reorder: without a prompt, created comes late', async () => {
    const { linear, receiver } = await startBench({ timeScale: 1_000, events: ['AgentSessionEvent'] });
    linear.control.addFault({ kind: 'reorder', holdMs: 60_000 });
    const at = Date.now();
    linear.people.createIssue({ title: 'x', delegate: true });
    await until(() => receiver.received.length === 1);
    expect((receiver.received[0]?.at ?? 0) - at).toBeGreaterThanOrEqual(59);
  });

  test('outage outwards: the attempt is lost and the retry arrives', async () => {
    const { linear, receiver } = await startBench({ timeScale: 200, events: ['AgentSessionEvent'] });
    linear.control.addFault({ kind: 'outage', ms: 100, direction: 'out' });
    linear.people.createIssue({ title: 'x', delegate: true });
    expect((await query(linear.graphqlUrl, '{ viewer { id } }')).status).toBe(200);
    await until(() => linear.control.deliveries().length === 2 && receiver.received.length === 1);
    expect(linear.control.deliveries().map(({ attempt, status }) => [attempt, status])).toEqual([
      [0, 0],
      [1, 200],
    ]);
  });

  test('skew: the signed timestamp lies in the past, and the SDK’s client refuses it', async () => {
    const { linear, receiver } = await startBench({ timeScale: 100_000, events: ['AgentSessionEvent'] });
    linear.control.addFault({ kind: 'skew', ms: 3_600_000, times: 1 });
    linear.people.createIssue({ title: 'x', delegate: true });
    await until(() => receiver.received.length === 4);
    expect(receiver.received.map((each) => each.status)).toEqual([400, 400, 400, 400]);
    expect(Date.now() - (receiver.received[0]?.body.webhookTimestamp ?? 0)).toBeGreaterThanOrEqual(3_600_000);
  });
});

describe('the API', () => {
  test.each([
    ['503', 503],
    ['reset', 'fetch failed'],
    ['refuse', 'fetch failed'],
  ] as const)('outage inwards by %s, then recovery at the same address; the control address stays', async (how, expected) => {
    const { linear } = await startBench();
    linear.control.addFault({ kind: 'outage', ms: 500, direction: 'in', how });
    const ask = (): Promise<number | string> =>
      query(linear.graphqlUrl, '{ viewer { id } }').then(
        (answer) => answer.status,
        (error: Error) => error.message,
      );
    expect(await ask()).toBe(expected);
    expect((await fetch(`${linear.controlUrl}/control/state`)).status).toBe(200);
    await until(async () => (await ask()) === 200);
    expect(linear.control.faults()).toEqual([]);
  });

  test('rate-limit: HTTP 400, RATELIMITED, Retry-After, for the next N requests', async () => {
    const { linear, agent } = await startBench();
    linear.control.addFault({ kind: 'rate-limit', requests: 2, retryAfterSeconds: 7 });
    const limited = await query(linear.graphqlUrl, '{ viewer { id } }');
    expect([limited.status, limited.headers.get('retry-after'), limited.headers.get('x-ratelimit-requests-remaining')]).toEqual([
      400,
      '7',
      '0',
    ]);
    expect(limited.body.errors[0]?.extensions).toMatchObject({ code: 'RATELIMITED', type: 'ratelimited' });
    await expect(agent.viewer).rejects.toBeInstanceOf(RatelimitedLinearError);
    expect((await agent.viewer).name).toBe('Cyrus');
  });

  test('rate-limit of one endpoint leaves the others alone', async () => {
    const { linear, act, agent } = await startSession();
    linear.control.addFault({ kind: 'rate-limit', requests: 1, status: 429 });
    expect((await query(linear.graphqlUrl, '{ viewer { id } }')).status).toBe(429);
    linear.control.addFault({ kind: 'rate-limit', requests: 1, endpoint: 'agentActivityCreate' });
    expect((await agent.viewer).name).toBe('Cyrus');
    await expect(act({ type: 'thought', body: 'x' })).rejects.toBeInstanceOf(RatelimitedLinearError);
    expect((await act({ type: 'thought', body: 'x' })).success).toBe(true);
  });

  test('error: HTTP 200 with an error and no effect, for the next N of a mutation', async () => {
    const { linear, sessionId } = await startSession();
    linear.control.addFault({
      kind: 'error',
      mutation: 'agentActivityCreate',
      times: 1,
      message: 'Internal',
      code: 'INTERNAL_SERVER_ERROR',
    });
    const text = 'mutation($input: AgentActivityCreateInput!) { agentActivityCreate(input: $input) { success } }';
    const variables = { input: { id, agentSessionId: sessionId, content: { type: 'thought', body: 'x' } } };
    const failed = await query(linear.graphqlUrl, text, { variables });
    expect([failed.status, failed.body.data, failed.body.errors[0]?.message]).toEqual([200, null, 'Internal']);
    expect(failed.body.errors[0]?.extensions).toMatchObject({ code: 'INTERNAL_SERVER_ERROR', userError: false });
    expect(linear.control.session(sessionId)?.activities).toEqual([]);
    expect((await query(linear.graphqlUrl, text, { variables })).body.data?.['agentActivityCreate']?.['success']).toBe(true);
  });

  test.each([
    ['after', 1, 'Entity already exists'],
    ['before', 0, undefined],
  ] as const)('cut %s the effect: the answer is lost, a repeat with the same id is safe', async (when, effects, repeat) => {
    const { linear, act, sessionId } = await startSession();
    linear.control.addFault({ kind: 'cut', field: 'agentActivityCreate', when });
    await expect(act({ type: 'response', body: 'done' }, { id })).rejects.toThrow();
    expect(linear.control.session(sessionId)?.activities.length).toBe(effects);
    const again = act({ type: 'response', body: 'done' }, { id });
    if (repeat) await expect(again).rejects.toThrow(repeat);
    else expect((await again).success).toBe(true);
    expect(linear.control.session(sessionId)?.activities.length).toBe(1);
  });

  test('latency: the answer comes late, the effect does not', async () => {
    const { linear, act, sessionId, agent } = await startSession();
    linear.control.addFault({ kind: 'latency', ms: 400, field: 'agentActivityCreate', times: 1 });
    expect((await agent.viewer).name).toBe('Cyrus');
    let answered = false;
    const slow = act({ type: 'thought', body: 'x' }).then(() => {
      answered = true;
    });
    await until(() => linear.control.session(sessionId)?.activities.length === 1);
    expect(answered).toBe(false);
    await slow;
  });

  test('rate-limit in the middle: so many requests get through first', async () => {
    const { linear } = await startBench();
    linear.control.addFault({ kind: 'rate-limit', requests: 1, status: 429, after: 2 });
    const statuses = [];
    for (let request = 0; request < 4; request++) statuses.push((await query(linear.graphqlUrl, '{ viewer { id } }')).status);
    expect(statuses).toEqual([200, 200, 429, 200]);
  });

  test('expired-token: the token is refused from then on, another one is taken', async () => {
    const { linear } = await startBench();
    linear.control.addFault({ kind: 'expired-token', after: 1 });
    const ask = async (token?: string) => (await query(linear.graphqlUrl, '{ viewer { id } }', token ? { token } : {})).status;
    expect([await ask(), await ask(), await ask(), await ask('lin_api_local')]).toEqual([200, 401, 401, 200]);
  });

  test('deleted-session: gone when the agent writes, for good', async () => {
    const { linear, act, sessionId } = await startSession();
    linear.control.addFault({ kind: 'deleted-session', after: 1 });
    expect((await act({ type: 'thought', body: 'x' })).success).toBe(true);
    await expect(act({ type: 'thought', body: 'y' })).rejects.toThrow('Entity not found: AgentSession');
    await expect(act({ type: 'thought', body: 'z' })).rejects.toThrow('Entity not found: AgentSession');
    expect(linear.control.session(sessionId)).toBeUndefined();
  });

  test('upload-error: storing or reading a file fails', async () => {
    const { linear, agent } = await startBench();
    const { uploadFile } = await agent.fileUpload('text/plain', 'a.txt', 1);
    linear.control.addFault({ kind: 'upload-error' });
    linear.control.addFault({ kind: 'upload-error', on: 'get', status: 403 });
    const put = async () => (await fetch(uploadFile?.uploadUrl ?? '', { method: 'PUT', body: 'a' })).status;
    const get = async () => (await fetch(uploadFile?.assetUrl ?? '', { headers: { authorization: 'Bearer lin_oauth_app' } })).status;
    expect([await put(), await put(), await get(), await get()]).toEqual([503, 200, 403, 200]);
  });

  test('token-error and a cut of the token address: refused, or the answer is lost and a replay brings it', async () => {
    const { linear } = await startBench({ refreshToken: 'first' });
    const refresh = (token: string) =>
      fetch(`${linear.url}/oauth/token`, {
        method: 'POST',
        body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: token }),
      });
    linear.control.addFault({ kind: 'token-error', error: 'invalid_grant' });
    expect((await refresh('first')).status).toBe(400);
    linear.control.addFault({ kind: 'cut', field: 'oauthToken' });
    await expect(refresh('first')).rejects.toThrow();
    const [one, two] = [await (await refresh('first')).json(), await (await refresh('first')).json()];
    expect(one).toEqual(two);
    expect(linear.control.grants()).toEqual({ refresh_token: { asked: 4, given: 3 } });
  });

  test('http-error and unauthorized strike once each', async () => {
    const { linear } = await startBench({ faults: [{ kind: 'http-error', status: 502 }, { kind: 'unauthorized' }] });
    const statuses = [];
    for (let request = 0; request < 3; request++) statuses.push((await query(linear.graphqlUrl, '{ viewer { id } }')).status);
    expect(statuses).toEqual([502, 401, 200]);
  });
});

describe('the switches', () => {
  test('over HTTP: on, listed with what is left, off', async () => {
    const { linear } = await startBench();
    const url = `${linear.url}/control/faults`;
    const post = async (body: unknown): Promise<Response> => fetch(url, { method: 'POST', body: JSON.stringify(body) });
    const both: Fault[] = [
      { kind: 'rate-limit', requests: 3 },
      { kind: 'latency', ms: 1 },
    ];
    expect((await post(both)).status).toBe(200);
    await query(linear.graphqlUrl, '{ viewer { id } }');
    const listed = (await (await fetch(url)).json()) as { id: number; remaining: number | null; struck: number }[];
    expect(listed.map(({ remaining, struck }) => [remaining, struck])).toEqual([
      [2, 1],
      [null, 1],
    ]);
    await fetch(`${url}/${listed[0]?.id}`, { method: 'DELETE' });
    expect((await query(linear.graphqlUrl, '{ viewer { id } }')).status).toBe(200);
    await fetch(url, { method: 'DELETE' });
    expect(linear.control.faults()).toEqual([]);
  });

  test.each([
    [{ kind: 'nonsense' }, /kind must be one of/],
    [{ kind: 'outage' }, /outage.ms is missing/],
    [{ kind: 'duplicate', afterMs: [] }, /duplicate.afterMs/],
    [{ kind: 'cut', fields: 'x' }, /no field fields/],
    [{ kind: 'error', mutation: 'x', times: 0 }, /error.times/],
  ])('%j is no fault', async (fault, message) => {
    const { linear } = await startBench();
    const answer = await fetch(`${linear.url}/control/faults`, { method: 'POST', body: JSON.stringify(fault) });
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringMatching(message)]);
  });
});
