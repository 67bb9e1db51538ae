import { manualClock } from 'cyrus-core/clock';
import { expect, test } from 'vitest';
import { type EventLog, eventLog } from './event-log.ts';
import type { ExecutionEvent, ExecutionRequest, TaskExecutor } from './executor.ts';
import { localRuns } from './local-runs.ts';
import { asSimpleExecutor, type SimpleEvent } from './simple-executor.ts';

/** An executor whose runs are written by the test. */
function scriptedExecutor(): { readonly executor: TaskExecutor; readonly requests: ExecutionRequest[]; readonly logs: EventLog[] } {
  const runs = localRuns('scripted');
  const requests: ExecutionRequest[] = [];
  const logs: EventLog[] = [];
  const stop = (log: EventLog) => async () => log.push({ type: 'complete', result: { state: 'cancelled', output: '' } });
  const executor: TaskExecutor = {
    id: 'scripted',
    kind: 'local',
    capabilities: {
      ...{ cancel: 'run', followUp: false, steer: false, events: 'stream', webhook: false, cost: 'money', idempotentCreate: true },
      ...{ perRunModel: true, perRunMcp: true, opensPr: false, hardBudget: false, structuredOutput: false, resume: false },
    },
    start: (request, key) =>
      runs.start(key, async () => {
        const log = eventLog();
        requests.push(request);
        logs.push(log);
        return { log, currentStep: 'Edit', stop: stop(log), send: () => 'too_late' };
      }),
    find: async (key) => runs.find(key),
    attach: (ref, cursor) => runs.attach(ref, cursor),
    getStatus: async (ref) => runs.status(ref),
    stop: (ref) => runs.stop(ref),
    health: async () => ({ state: 'ready', detail: 'scripted' }),
  };
  return { executor, requests, logs };
}

const context = { issueId: 'ENG-1', repositoryPath: '/repo', baseBranch: 'main', workingDirectory: '/work', allowedTools: ['Read'] };
const usage = (cost?: number): ExecutionEvent => ({
  type: 'usage',
  usage: {
    model: 'm',
    inputTokens: 10,
    outputTokens: 5,
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
    ...(cost === undefined ? {} : { cost }),
    trust: 'agent',
  },
});

async function started(logs: EventLog[]): Promise<EventLog> {
  return expect
    .poll(() => logs[0])
    .toBeDefined()
    .then(() => logs[0] as EventLog);
}

test('execute gives the result with duration, cost and tokens', async () => {
  const { executor, requests, logs } = scriptedExecutor();
  const clock = manualClock(1000);
  const simple = asSimpleExecutor(executor, { clock, model: 'm' });
  const result = simple.execute('Do it.', context);
  expect(simple.isRunning()).toBe(true);
  const log = await started(logs);
  for (const event of [usage(250_000), usage(500_000)]) log.push(event);
  clock.advance(5000);
  log.push({ type: 'complete', result: { state: 'succeeded', output: 'Done.', pullRequestUrl: 'https://pr' } });
  expect(await result).toEqual({
    success: true,
    sessionId: requests[0]?.conversation.id,
    output: 'Done.',
    pullRequestUrl: 'https://pr',
    metadata: { duration: 5000, cost: 0.75, tokensUsed: 30 },
  });
  expect(requests[0]).toMatchObject({
    prompt: 'Do it.',
    workingDirectory: '/work',
    allowedTools: ['Read'],
    model: 'm',
    readable: ['/repo'],
  });
  expect(simple.isRunning()).toBe(false);
});

test('what is not known is absent, and a failure says why', async () => {
  const { executor, logs } = scriptedExecutor();
  const result = asSimpleExecutor(executor, { clock: manualClock() }).execute('Do it.', context);
  (await started(logs)).push({
    type: 'complete',
    result: { state: 'failed', output: '', failure: { class: 'network', message: 'No net.' } },
  });
  expect(await result).toMatchObject({ success: false, errorMessage: 'No net.', metadata: { duration: 0 } });
  expect(await result).not.toHaveProperty('metadata.cost');
});

test('streaming hands on what the small interface knows, and survives its listener', async () => {
  const { executor, logs } = scriptedExecutor();
  const seen: SimpleEvent[] = [];
  const result = asSimpleExecutor(executor).executeStreaming('Do it.', context, (event) => {
    seen.push(event);
    throw new Error('a broken listener');
  });
  const log = await started(logs);
  log.push({ type: 'message', content: 'Hi.' });
  log.push({ type: 'heartbeat' });
  log.push({ type: 'tool-use', tool: 'Edit', input: { a: 1 } });
  log.push({ type: 'error', failure: { class: 'network', message: 'Once.' } });
  log.push({ type: 'complete', result: { state: 'succeeded', output: 'Done.' } });
  expect((await result).success).toBe(true);
  expect(seen.map((event) => event.type)).toEqual(['message', 'tool-use', 'error', 'complete']);
});

test('stop stops what runs, and the status words are the small interface’s', async () => {
  const { executor, requests, logs } = scriptedExecutor();
  const simple = asSimpleExecutor(executor);
  const result = simple.execute('Do it.', context);
  await started(logs);
  const sessionId = requests[0]?.conversation.id ?? '';
  await expect.poll(() => simple.getStatus(sessionId)).toEqual({ sessionId, status: 'running', currentStep: 'Edit' });
  await simple.stop();
  expect(await result).toMatchObject({ success: false, errorMessage: 'The run was cancelled.' });
  expect(await simple.getStatus(sessionId)).toEqual({ sessionId, status: 'cancelled' });
  expect(await simple.getStatus('unknown')).toEqual({ sessionId: 'unknown', status: 'pending' });
});
