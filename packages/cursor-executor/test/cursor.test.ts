/** What is Cursor's own, beside what every cloud executor promises. */
import { randomUUID } from 'node:crypto';
import { systemClock } from 'cyrus-core/clock';
import { eventually } from 'cyrus-executor-interface/conformance';
import type { ExecutionEvent, ExecutionRequest, RunRef, RunResult, TaskExecutor } from 'cyrus-executor-interface/executor';
import type { CursorState } from 'cyrus-stand-in-cursor/server';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createCursorExecutor } from '../src/cursor-executor.ts';
import { cursorHarness } from './harness.ts';

let harness: Awaited<ReturnType<typeof cursorHarness>>;
beforeAll(async () => {
  harness = await cursorHarness();
});
afterEach(() => harness.calm());
afterAll(() => harness.close());

const key = (): { attemptId: string; number: number } => ({ attemptId: randomUUID(), number: 1 });
const request = (script: Parameters<typeof harness.play>[0], more: Partial<ExecutionRequest> = {}): ExecutionRequest => ({
  conversation: { id: randomUUID(), resume: false, directory: '' },
  workingDirectory: '',
  readable: [],
  remote: harness.remote,
  timeoutMs: 120_000,
  ...harness.play(script),
  ...more,
});
const asked = (ref: RunRef): CursorState['agents'][number]['request'] | undefined =>
  harness.cursor.state().agents.find(({ id }) => id === ref.runId)?.request;

async function all(executor: TaskExecutor, ref: RunRef, cursor?: string): Promise<{ events: ExecutionEvent[]; result: RunResult }> {
  const events: ExecutionEvent[] = [];
  for await (const event of executor.attach(ref, cursor)) events.push(event);
  const last = events.at(-1);
  if (last?.type !== 'complete') throw new Error('no end');
  return { events, result: last.result };
}
const kinds = (events: readonly ExecutionEvent[]): string[] => events.map(({ type }) => type);

describe('what is asked for', () => {
  test('a branch to start from, no pull request, and a prompt with the rules', async () => {
    const executor = harness.executor();
    const ref = await executor.start(request({ kind: 'answer', text: 'Hi.' }, { systemContext: 'Be kind.' }), key());
    const { prompt, ...rest } = asked(ref) ?? { prompt: { text: '' } };
    expect(rest).toMatchObject({ autoCreatePR: false, workOnCurrentBranch: false, repos: [{ startingRef: 'main' }] });
    expect(rest.repos?.[0]?.url).toMatch(/\/acme\/app$/);
    expect(rest.model).toBeUndefined();
    expect(prompt.text).toMatch(
      /^Be kind\.[\s\S]*push it before you end, to cyrus\/work, [\s\S]*Open no pull request[\s\S]*Do as the script says\./,
    );
    expect(ref.url).toBe(`https://cursor.com/agents/${ref.runId}`);
    await all(executor, ref);
  });

  test.each([
    ['the model of the request', 'claude-haiku-4-5', undefined, 'composer-2.5', 'claude-haiku-4-5'],
    ['the fallback where the service has no such model', 'opus', 'gpt-5.5', 'composer-2.5', 'gpt-5.5'],
    ["the executor's own model where it has none of both", 'opus', 'sonnet', 'composer-2.5', 'composer-2.5'],
    ['the default of the account', 'opus', undefined, undefined, undefined],
  ])('%s', async (_what, model, fallbackModel, defaultModel, expected) => {
    const executor = harness.with(defaultModel === undefined ? {} : { defaultModel });
    const more = { ...(model ? { model } : {}), ...(fallbackModel ? { fallbackModel } : {}) };
    const ref = await executor.start(request({ kind: 'answer', text: 'Hi.' }, more), key());
    expect(asked(ref)?.model?.id).toBe(expected);
    const { events } = await all(harness.executor(), ref);
    expect(events.find((event) => event.type === 'usage')).toMatchObject({ usage: { model: expected ?? 'default' } });
  });

  test('MCP servers, as a list, only where that is switched on', async () => {
    const executor = harness.with({ sendMcpServers: true });
    expect([harness.executor().capabilities.perRunMcp, executor.capabilities.perRunMcp]).toEqual([false, true]);
    const mcpConfig = {
      mcpServers: { docs: { type: 'http', url: 'https://mcp.example.com', timeout: 9 }, tool: { command: 'tool', args: ['-x'] }, junk: 1 },
    };
    const ref = await executor.start(request({ kind: 'answer', text: 'Hi.' }, { mcpConfig }), key());
    expect(asked(ref)?.mcpServers).toEqual([
      { name: 'docs', type: 'http', url: 'https://mcp.example.com' },
      { name: 'tool', command: 'tool', args: ['-x'] },
    ]);
    const without = await harness.executor().start(request({ kind: 'answer', text: 'Hi.' }, { mcpConfig }), key());
    expect(asked(without)?.mcpServers).toBeUndefined();
    await Promise.all([all(executor, ref), all(executor, without)]);
  });

  test('environment variables only where that is switched on, which gives up the idempotent start', async () => {
    const environmentVariables = { PORT: '4000' };
    const without = await harness.executor().start(request({ kind: 'answer', text: 'Hi.' }, { environmentVariables }), key());
    expect(asked(without)).toMatchObject({ agentId: without.runId });
    expect(asked(without)?.envVars).toBeUndefined();
    const executor = harness.with({ sendEnvironmentVariables: true });
    const ref = await executor.start(request({ kind: 'answer', text: 'Hi.' }, { environmentVariables }), key());
    expect(asked(ref)).toMatchObject({ envVars: environmentVariables });
    expect(asked(ref)?.agentId).toBeUndefined();
    expect([harness.executor().capabilities.idempotentCreate, executor.capabilities.idempotentCreate]).toEqual([true, false]);
    await Promise.all([all(executor, without), all(executor, ref)]);
  });

  test('a task without a remote is refused, and an executor without a key says what to do', async () => {
    const { remote: _remote, ...local } = request({ kind: 'answer', text: 'Hi.' });
    await expect(harness.executor().start(local, key())).rejects.toMatchObject({ failure: { class: 'invalid_request' } });
    const keyless = createCursorExecutor({ clock: systemClock, random: Math.random });
    expect(await keyless.health()).toMatchObject({ failure: { class: 'auth', fix: expect.stringContaining('CURSOR_API_KEY') } });
    await expect(keyless.start(local, key())).rejects.toMatchObject({ failure: { class: 'auth' } });
  });
});

describe('a stream', () => {
  test('that breaks after every few events loses and doubles none', async () => {
    const executor = harness.executor();
    const ref = await executor.start(request({ kind: 'steps', steps: 3, text: 'Done.' }), key());
    await harness.release();
    const { events: expected } = await all(executor, ref);
    // What shares an id is read on from before it: a stream that never gives more than that would not come on.
    for (const cutStreamsAfter of [4, 7]) {
      harness.cursor.setFaults({ cutStreamsAfter });
      expect((await all(harness.executor(), ref)).events).toEqual(expected);
    }
  });

  test('that is not ready yet is asked for again', async () => {
    harness.cursor.setFaults({ streamWarmupMs: 800 });
    const executor = harness.executor();
    const ref = await executor.start(request({ kind: 'steps', steps: 1, text: 'Done.' }), key());
    await harness.release();
    const { events } = await all(executor, ref);
    expect(kinds(events).filter((type) => type === 'tool-use')).toHaveLength(2);
  });

  test('that is no longer kept leaves the last words, the cost and the end', async () => {
    const executor = harness.executor();
    const ref = await executor.start(request({ kind: 'steps', steps: 1, text: 'Long ago.' }), key());
    await harness.release();
    const { events: whole, result } = await all(executor, ref);
    harness.cursor.setFaults({ streamRetentionMs: 0 });
    const fresh = await all(harness.executor(), ref);
    expect(kinds(fresh.events)).toEqual(['message', 'usage', 'complete']);
    expect(fresh.result).toEqual(result);
    const usage = whole.find((event) => event.type === 'usage');
    const late = await all(harness.executor(), ref, '2');
    expect(late.events).toEqual([usage, whole.at(-1)]);
  });

  test('that expires while the run goes on is replaced by looking', async () => {
    const executor = harness.executor();
    const ref = await executor.start(request({ kind: 'steps', steps: 1, text: 'Done.' }), key());
    harness.cursor.setFaults({ failNext: { count: 1_000_000, status: 410, operation: 'runs.stream' } });
    const following = all(executor, ref);
    await eventually('the run is looked at', () => harness.cursor.calls('runs.get').length > 3);
    await harness.release();
    expect((await following).result).toMatchObject({ state: 'succeeded', output: 'Done.' });
  });
});

test('an account whose usage cannot be read has runs without a cost, at once', async () => {
  harness.cursor.setFaults({ usageUnavailable: true });
  const executor = harness.with({ patience: { costWaitMs: 60_000 } });
  const ref = await executor.start(request({ kind: 'answer', text: 'Hi.' }), key());
  const { events } = await all(executor, ref);
  expect(kinds(events)).not.toContain('usage');
});

test('a run that was over in time has not expired, however late it is looked at', async () => {
  const executor = harness.executor();
  const ref = await executor.start(request({ kind: 'answer', text: 'In time.' }, { timeoutMs: 5_000 }), key());
  const begun = Date.now();
  await eventually('it is over', async () => (await executor.getStatus(ref)).state === 'succeeded');
  await eventually('its deadline has passed', () => Date.now() > begun + 5_300);
  const { events, result } = await all(harness.executor(), ref);
  expect(result).toMatchObject({ state: 'succeeded', output: 'In time.' });
  expect(kinds(events)).toEqual(['message', 'usage', 'complete']);
});

test('a stream that says nothing, not even that it lives, is opened anew', async () => {
  const quiet = await cursorHarness({}, { heartbeatMs: 60_000 });
  try {
    const executor = quiet.with({ patience: { silentMs: 200 } });
    const ref = await executor.start({ ...request({ kind: 'steps', steps: 1, text: 'Done.' }), remote: quiet.remote }, key());
    const following = all(executor, ref);
    await eventually('it is opened several times', () => quiet.cursor.calls('runs.stream').length > 3);
    await quiet.release();
    const { events, result } = await following;
    expect(result).toMatchObject({ state: 'succeeded', output: 'Done.' });
    expect(kinds(events).filter((type) => type === 'tool-use')).toHaveLength(2);
  } finally {
    await quiet.close();
  }
});

test('an agent that was deleted is lost, not followed for ever', async () => {
  const executor = harness.with({ patience: { lostAfterMs: 300 } });
  const ref = await executor.start(request({ kind: 'endless' }), key());
  const following = all(executor, ref);
  await eventually('it works', async () => (await executor.getStatus(ref)).state === 'running');
  const deleted = await fetch(`${harness.cursor.url}/v1/agents/${ref.runId}`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${harness.cursor.apiKey}` },
  });
  expect(deleted.status).toBe(200);
  const { state, failure } = (await following).result;
  // Deleting cancels first: the stream may tell that before the agent is gone.
  expect(state === 'cancelled' || failure?.class === 'sandbox_lost').toBe(true);
  expect((await all(executor, ref)).result).toMatchObject({ state: 'failed', failure: { class: 'sandbox_lost' } });
});

test('messages to a working agent are its next run, in their order, and a restart gives the same events', async () => {
  const executor = harness.executor();
  const ref = await executor.start(request({ kind: 'steps', steps: 1, text: 'First.' }), key());
  const following = all(executor, ref);
  await eventually('it works', async () => (await executor.getStatus(ref)).state === 'running');
  expect(await executor.send?.(ref, { id: 3, text: 'Use port 4000.' })).toBe('queued');
  expect(await executor.send?.(ref, { id: 4, text: 'And be quick.' })).toBe('queued');
  await harness.release();
  const { events, result } = await following;
  expect(result).toMatchObject({ state: 'succeeded', output: 'Understood.', lastDelivered: 4 });
  expect(events.filter(({ type }) => type === 'delivered' || type === 'usage').map(({ type }) => type)).toEqual([
    'usage',
    'delivered',
    'delivered',
    'usage',
  ]);
  expect((await harness.heard(ref))[1]).toBe(
    'Message 3 from the people you work for:\n\nUse port 4000.\n\nMessage 4 from the people you work for:\n\nAnd be quick.',
  );
  expect((await all(harness.executor(), ref)).events).toEqual(events);
});

test('a message to a run that is stopped is too late', async () => {
  const executor = harness.executor();
  const ref = await executor.start(request({ kind: 'endless' }), key());
  const following = all(executor, ref);
  await eventually('it works', async () => (await executor.getStatus(ref)).state === 'running');
  expect(await executor.stop(ref)).toBe('confirmed');
  expect(await executor.send?.(ref, { id: 1, text: 'Wait!' })).toBe('too_late');
  expect((await following).result).toMatchObject({ state: 'cancelled' });
});

test('a run that cannot be seen yet is stopped as soon as it can', async () => {
  harness.cursor.setFaults({ hideNewAgentsMs: 1000 });
  const executor = harness.executor();
  const ref = await executor.start(request({ kind: 'endless' }), key());
  const following = all(executor, ref);
  expect(await executor.stop(ref)).toBe('requested');
  expect((await following).result).toMatchObject({ state: 'cancelled' });
});

test('the key is in no failure', async () => {
  const wrong = harness.broken.wrongCredential;
  expect(JSON.stringify(await wrong.health())).not.toContain('crsr_wrong');
});
