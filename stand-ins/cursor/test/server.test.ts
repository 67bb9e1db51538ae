import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type GitHubStandIn, startGitHub } from 'cyrus-stand-in-github/server';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Step } from '../src/script.ts';
import { type CursorStandIn, startCursor } from '../src/server.ts';

let github: GitHubStandIn;
let cursor: CursorStandIn;
let repository: { readonly cloneUrl: string; readonly directory: string };

beforeAll(async () => {
  github = await startGitHub();
  repository = await github.createRepository({ owner: 'acme', name: 'app' });
  cursor = await startCursor({ codeHost: { apiUrl: github.apiUrl, token: github.token }, eventDelayMs: 1, heartbeatMs: 20 });
});
afterEach(() => cursor.setFaults({ clear: true }));
afterAll(async () => {
  await cursor?.stop();
  await github?.stop();
});

async function call(
  method: string,
  path: string,
  body?: unknown,
  key = cursor.apiKey,
): Promise<{ status: number; body: Body; headers: Headers }> {
  const response = await fetch(cursor.url + path, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Body, headers: response.headers };
}
interface Body {
  readonly error?: { readonly code: string; readonly message: string };
  readonly agent?: { readonly id: string; readonly status: string; readonly url: string; readonly latestRunId: string };
  readonly run?: RunBody;
  readonly items?: readonly Readonly<Record<string, unknown>>[];
  readonly nextCursor?: string;
  readonly status?: string;
  readonly runs?: readonly {
    readonly id: string;
    readonly usage: { readonly totalTokens: number };
    readonly cost?: { readonly chargedCents: number };
  }[];
}
interface RunBody {
  readonly id: string;
  readonly status: string;
  readonly result?: string;
  readonly git?: { readonly branches: readonly { readonly repoUrl: string; readonly branch?: string; readonly prUrl?: string }[] };
}

const create = (steps: readonly Step[], more: object = {}) =>
  call('POST', '/v1/agents', {
    prompt: { text: `Work.\nAGENT:${JSON.stringify(steps)}` },
    repos: [{ url: repository.cloneUrl, startingRef: 'main' }],
    ...more,
  });
const read = async (path: string, headers: Readonly<Record<string, string>> = {}): Promise<string> => {
  const response = await fetch(cursor.url + path, { headers: { authorization: `Bearer ${cursor.apiKey}`, ...headers } });
  return response.text();
};
const ids = (stream: string): string[] => [...stream.matchAll(/^id: (.*)$/gm)].map(([, id = '']) => id);
const events = (stream: string): string[] => [...stream.matchAll(/^event: (.*)$/gm)].map(([, event = '']) => event);

test('an agent works, pushes with git and tells it as it happens', async () => {
  const { status, body } = await create([
    { say: 'I write it.' },
    { write: { 'a.txt': 'a\n' } },
    { pullRequest: 'Add a' },
    { say: 'Done.' },
  ]);
  expect(status).toBe(201);
  expect(body.agent).toMatchObject({ status: 'ACTIVE', url: `https://cursor.com/agents/${body.agent?.id}`, latestRunId: body.run?.id });
  expect(body.run?.status).toBe('CREATING');
  const at = `/v1/agents/${body.agent?.id}/runs/${body.run?.id}`;
  const stream = await read(`${at}/stream`);
  expect(
    events(stream)
      .filter((event) => event !== 'heartbeat')
      .at(0),
  ).toBe('status');
  expect(events(stream).slice(-2)).toEqual(['result', 'done']);
  const run = (await call('GET', at)).body as unknown as RunBody;
  expect(run).toMatchObject({ status: 'FINISHED', result: 'Done.' });
  const [work] = run.git?.branches ?? [];
  expect(work).toMatchObject({
    repoUrl: repository.cloneUrl.replace('http://', '').replace('.git', ''),
    prUrl: expect.stringContaining('/pull/1'),
  });
  const show = ['-c', 'safe.directory=*', '-C', repository.directory, 'show', `refs/heads/${work?.branch}:a.txt`];
  expect((await promisify(execFile)('git', show)).stdout).toBe('a\n');
  expect(github.state().repositories[0]?.pulls).toMatchObject([{ title: 'Add a', head: work?.branch, base: 'main' }]);
});

test('a stream goes on after the event that is named, and after nothing else', async () => {
  const { body } = await create([{ say: 'One two three.' }, { tool: 'grep' }, { say: 'Done.' }]);
  const at = `/v1/agents/${body.agent?.id}/runs/${body.run?.id}/stream`;
  const whole = ids(await read(at));
  expect(whole.length).toBeGreaterThan(8);
  // What is told in two ways has one id.
  expect(new Set(whole).size).toBeLessThan(whole.length);
  const middle = whole[5] ?? '';
  expect(ids(await read(at, { 'last-event-id': middle }))).toEqual(whole.slice(whole.lastIndexOf(middle) + 1));
  expect(await read(at, { 'last-event-id': '1-0' })).toContain('invalid_last_event_id');
  cursor.setFaults({ streamRetentionMs: 0 });
  expect((await call('GET', at)).body.error?.code).toBe('stream_expired');
});

test('an id of the client makes one agent', async () => {
  const agentId = 'bc-0b0e3c52-5a3b-4c0e-9d3e-0f6f4a0c7a11';
  expect((await create([{ say: 'Hi.' }], { agentId })).body.agent?.id).toBe(agentId);
  expect(await create([{ say: 'Hi.' }], { agentId })).toMatchObject({ status: 409, body: { error: { code: 'agent_id_conflict' } } });
  const mixed = await create([], { agentId: 'bc-0b0e3c52-5a3b-4c0e-9d3e-0f6f4a0c7a12', envVars: { A: '1' } });
  expect(mixed).toMatchObject({ status: 400, body: { error: { code: 'validation_error' } } });
});

test.each([
  ['a key of somebody else', () => call('GET', '/v1/me', undefined, 'crsr_other'), 401, 'unauthorized'],
  ['nothing to do', () => call('POST', '/v1/agents', {}), 400, 'validation_error'],
  ['a field there is not', () => create([], { branch: 'x' }), 400, 'validation_error'],
  ['a commit to start from', () => create([], { repos: [{ url: 'https://x/y', startingRef: 'a'.repeat(40) }] }), 400, 'validation_error'],
  ['a model there is not', () => create([], { model: { id: 'opus' } }), 400, 'validation_error'],
  ['an agent there is not', () => call('GET', '/v1/agents/bc-1'), 404, 'agent_not_found'],
  ['a filter there is not', () => call('GET', '/v1/agents?status=ACTIVE'), 400, 'validation_error'],
  ['a call there is not', () => call('GET', '/v1/webhooks'), 501, 'not_implemented'],
] as const)('%s is refused', async (_what, asked, status, code) => {
  expect(await asked()).toMatchObject({ status, body: { error: { code } } });
});

test('one run at a time: a follow-up waits, a cancelled run stays so', async () => {
  const { body } = await create([{ forever: true }]);
  const at = `/v1/agents/${body.agent?.id}/runs`;
  const followUp = { prompt: { text: 'Also this. AGENT:[{"say":"Yes."}]' } };
  expect(await call('POST', at, followUp)).toMatchObject({ status: 409, body: { error: { code: 'agent_busy' } } });
  expect((await call('POST', `${at}/${body.run?.id}/cancel`)).status).toBe(200);
  expect((await call('POST', `${at}/${body.run?.id}/cancel`)).body.error?.code).toBe('run_not_cancellable');
  const next = await call('POST', at, followUp);
  expect(next.status).toBe(201);
  expect(await read(`${at}/${next.body.run?.id}/stream`)).toContain('"status":"FINISHED"');
  const list = (await call('GET', `${at}?limit=1`)).body;
  expect(list).toMatchObject({ items: [{ id: next.body.run?.id, status: 'FINISHED' }], nextCursor: '1' });
  expect(list.items?.[0]?.['result']).toBeUndefined();
});

test('what a run cost is there after its end, late, or never', async () => {
  const { body } = await create([{ say: 'Hi.' }]);
  const at = `/v1/agents/${body.agent?.id}`;
  await read(`${at}/runs/${body.run?.id}/stream`);
  const cost = async () => (await call('GET', `${at}/usage?runId=${body.run?.id}`)).body.runs?.[0]?.cost;
  expect(await cost()).toMatchObject({ chargedCents: 8.084276 });
  cursor.setFaults({ cost: 60_000 });
  expect(await cost()).toBeUndefined();
  cursor.setFaults({ cost: 'absent' });
  expect(await cost()).toBeUndefined();
});

test('faults: lost answers, limits, outages, and no misspelt ones', async () => {
  cursor.setFaults({ loseAnswer: { 'agents.create': 1 } });
  const before = cursor.state().agents.length;
  await expect(create([{ say: 'Hi.' }])).rejects.toThrow();
  expect(cursor.state().agents).toHaveLength(before + 1);
  cursor.setFaults({ rateLimitNext: { count: 1, retryAfterSeconds: 7 } });
  const limited = await call('GET', '/v1/me');
  expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '7']);
  cursor.setFaults({ outageMs: 60_000 });
  expect((await call('GET', '/v1/me')).status).toBe(503);
  expect(() => cursor.setFaults({ outage: 1 } as never)).toThrow('no fault switch');
  const misspelt = await fetch(`${cursor.url}/control/faults`, {
    method: 'POST',
    body: '{"failNext":{"count":1,"operation":"agents.make"}}',
  });
  expect(misspelt.status).toBe(400);
});
