import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from 'cyrus-core/clock';
import { type Failure, FailureError } from 'cyrus-core/failure';
import { microUsd } from 'cyrus-core/money';
import { eventually } from 'cyrus-executor-interface/conformance';
import type { AttemptKey, ExecutionEvent, ExecutionRequest, RunRef, RunResult, TaskExecutor } from 'cyrus-executor-interface/executor';
import type { Step } from 'cyrus-stand-in-codegen/script';
import { type CodegenStandIn, type Observed, startCodegen } from 'cyrus-stand-in-codegen/server';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { judge, pinned } from '../../../stand-ins/codegen/test/contract.ts';
import { type CodegenExecutorOptions, createCodegenExecutor } from '../src/codegen-executor.ts';

let codegen: CodegenStandIn;
let observed: Observed[];
let keys = 0;

beforeEach(async () => {
  observed = [];
  codegen = await startCodegen({ limitFactor: 0, observe: (one) => observed.push(one) });
});
afterEach(async () => {
  await codegen.stop();
  // Whatever a test does, every request satisfies the service's description.
  expect(observed.flatMap(judge(pinned))).toEqual([]);
});

const executor = (options: Partial<CodegenExecutorOptions> = {}): TaskExecutor =>
  createCodegenExecutor({
    apiToken: codegen.token,
    orgId: codegen.organisationId,
    baseUrl: codegen.url,
    clock: systemClock,
    random: Math.random,
    pollMs: 40,
    ...options,
  });

const newKey = (number = 1): AttemptKey => ({ attemptId: `attempt-${++keys}`, number });

const request = (steps: readonly Step[], more: Partial<ExecutionRequest> = {}): ExecutionRequest => ({
  prompt: `Do it.\nCODEGEN:${JSON.stringify(steps)}`,
  conversation: { id: 'c', resume: false, directory: '' },
  workingDirectory: '',
  readable: [],
  timeoutMs: 120_000,
  remote: {
    repositoryUrl: 'https://github.com/acme/app.git',
    startBranch: 'main',
    startSha: 'a'.repeat(40),
    baseBranch: 'main',
    pushBranch: 'cyrus/eng-1',
  },
  ...more,
});

interface Followed {
  readonly events: ExecutionEvent[];
  readonly result: Promise<RunResult>;
}

function follow(from: TaskExecutor, ref: RunRef, cursor?: string): Followed {
  const events: ExecutionEvent[] = [];
  const result = (async () => {
    for await (const event of from.attach(ref, cursor)) events.push(event);
    const last = events.at(-1);
    if (last?.type !== 'complete') throw new Error(`the last event is ${last?.type}`);
    return last.result;
  })();
  result.catch(() => undefined);
  return { events, result };
}

async function refusal(doing: Promise<unknown>): Promise<Failure> {
  const error = await doing.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof FailureError)) throw new Error(`no FailureError was thrown, but ${String(error)}`);
  return error.failure;
}

const hold: Step = { until: 'go' };

test('what a run is created with: its repository, its model, its key, its deadline, its images', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'codegen-files-'));
  try {
    await mkdir(join(directory, '3'));
    const shown = join(directory, '3', 'screen.PNG');
    await writeFile(shown, 'png');
    await writeFile(join(directory, 'other.png'), 'not named');
    await writeFile(join(directory, 'notes.txt'), 'no image');
    const asked = request([{ think: 'hm' }], { filesDirectory: directory, model: 'gpt-5' });
    const ref = await executor({ defaultModel: 'other' }).start({ ...asked, prompt: `${asked.prompt}\n- ${shown}, notes.txt` }, newKey());
    const [run] = codegen.runs();
    expect(ref).toEqual({ executorId: 'codegen', runId: String(run?.id), url: `${codegen.url}/agent/trace/${run?.id}` });
    expect(run).toMatchObject({
      repository: { fullName: 'acme/app' },
      model: 'gpt-5',
      images: [`data:image/png;base64,${Buffer.from('png').toString('base64')}`],
      metadata: { cyrus: { attempt: `attempt-${keys}`, number: 1, model: 'gpt-5' } },
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

test('a repository that Codegen does not have is told by name; one that is mapped is not looked up', async () => {
  const remote = { repositoryUrl: 'git@github.com:acme/other.git', startBranch: 'main', startSha: '', baseBranch: 'main', pushBranch: 'x' };
  const failure = await refusal(executor().start(request([hold], { remote }), newKey()));
  expect(failure).toMatchObject({ class: 'invalid_request', fix: expect.stringContaining('codegen.repositories') });
  expect(failure.message).toContain('no repository acme/other: it has acme/app');
  expect(codegen.runs()).toEqual([]);
  const id = codegen.addRepository({ fullName: 'renamed/other' });
  const before = codegen.calls('repos.list').length;
  await executor({ repositories: { 'Acme/Other': id } }).start(request([hold], { remote }), newKey());
  expect(codegen.runs()[0]?.repository?.id).toBe(id);
  expect(codegen.calls('repos.list')).toHaveLength(before);
});

describe('money', () => {
  test('an assumed cost is charged once, marked as an estimate, also across a restart', async () => {
    const options = { estimatedCostPerRun: microUsd(0.5) };
    const ref = await executor(options).start(request([{ think: 'hm' }], { model: 'gpt-5' }), newKey());
    const whole = follow(executor(options), ref);
    await whole.result;
    expect(whole.events[0]).toEqual({
      type: 'usage',
      usage: {
        model: 'gpt-5',
        inputTokens: 0,
        outputTokens: 0,
        cacheReadTokens: 0,
        cacheWriteTokens: 0,
        cost: 500_000,
        trust: 'estimated',
      },
    });
    const rest = follow(executor(options), ref, '1');
    await rest.result;
    expect(rest.events).toEqual(whole.events.slice(1));
  });
});

test('a run that is never seen again has cost all the same', async () => {
  const one = executor({ estimatedCostPerRun: microUsd(0.5), lostAfterMs: 100 });
  const { events, result } = follow(one, { executorId: 'codegen', runId: '1' });
  await result;
  expect(events.map(({ type }) => type)).toEqual(['usage', 'complete']);
});

test('runs that are too old for the first pages of the list are looked at one by one, each in its turn', async () => {
  const one = executor({ pollMs: 60, limiter: { take: async () => 0, holdBack: async () => undefined } });
  const refs: RunRef[] = [];
  for (let left = 24; left > 0; left--) refs.push(await one.start(request([hold, { end: 'COMPLETE', result: 'Done.' }]), newKey()));
  for (let left = 300; left > 0; left--) await one.start(request([hold]), newKey());
  const followed = refs.map((ref) => follow(one, ref));
  codegen.go('go');
  expect((await Promise.all(followed.map(({ result }) => result))).every(({ state }) => state === 'succeeded')).toBe(true);
  expect(codegen.calls('runs.get').length).toBeGreaterThanOrEqual(24);
});

describe('the end of a run', () => {
  const ended = async (steps: readonly Step[], options: Partial<CodegenExecutorOptions> = {}): Promise<RunResult> => {
    const one = executor(options);
    return follow(one, await one.start(request(steps), newKey())).result;
  };

  test.each<[string, string, Partial<RunResult>, RegExp]>([
    ['ERROR', 'ERROR', { state: 'failed' }, /with an error: disk full/],
    ['FAILED', 'FAILED', { state: 'failed' }, /with an error/],
    ['MAX_ITERATIONS_REACHED', 'MAX_ITERATIONS_REACHED', { state: 'failed' }, /as many steps as it allows/],
    ['OUT_OF_TOKENS', 'OUT_OF_TOKENS', { state: 'failed' }, /ran out of tokens/],
    ['TIMEOUT', 'TIMEOUT', { state: 'expired' }, /took too long/],
  ])('%s', async (_name, end, expected, message) => {
    const result = await ended([{ error: 'disk full' }, { end, result: '' }]);
    expect(result).toMatchObject(expected);
    expect(result.failure?.message).toMatch(message);
    expect(result.failure?.class).toBe(end === 'TIMEOUT' ? 'timeout' : 'agent_failed');
  });

  test('somebody cancels it in Codegen', async () => {
    const result = await ended([{ think: 'hm' }, { end: 'CANCELLED', result: '' }]);
    expect(result).toEqual({ state: 'cancelled', output: 'hm' });
  });

  test('a pull request that is told late is in the status; one that never is, is not invented', async () => {
    const one = executor();
    codegen.setFaults({ pullRequestMs: null });
    const ref = await one.start(request([{ push: true }, { pullRequest: true }]), newKey());
    const result = await follow(one, ref).result;
    expect(result.state).toBe('succeeded');
    expect(result).not.toHaveProperty('branch');
    expect(result).not.toHaveProperty('pullRequestUrl');
    expect(await one.getStatus(ref)).not.toHaveProperty('branch');
    codegen.setFaults({ pullRequestMs: 0 });
    expect(await one.getStatus(ref)).toMatchObject({ branch: 'cyrus/eng-1', pullRequestUrl: expect.stringContaining('/pull/') });
  });

  test('without the log there is its last word; with a log that overlaps, nothing is said twice', async () => {
    const steps: Step[] = [
      ...Array.from({ length: 150 }, (_, index): Step => ({ think: `thought ${index}` })),
      { end: 'COMPLETE', result: 'Done.' },
    ];
    const one = executor({ tracing: false });
    const silent = follow(one, await one.start(request(steps), newKey()));
    await silent.result;
    expect(silent.events.map((event) => event.type)).toEqual(['message', 'complete']);
    expect(codegen.calls('runs.logs')).toEqual([]);
    codegen.setFaults({ duplicateLogs: 'overlap' });
    const other = executor();
    const told = follow(other, await other.start(request(steps), newKey()));
    await told.result;
    expect(told.events.map((event) => (event.type === 'message' ? event.content : event.type))).toEqual([
      ...Array.from({ length: 150 }, (_, index) => `thought ${index}`),
      'Done.',
      'complete',
    ]);
  });

  test('a run whose log cannot be read ends all the same', async () => {
    codegen.setFaults({ failNext: { count: 1000, status: 404, operation: 'runs.logs' } });
    expect(await ended([{ think: 'hm' }, { end: 'COMPLETE', result: 'Done.' }])).toMatchObject({ state: 'succeeded', output: 'Done.' });
  });

  test('a run that is 404 for long is lost, not before', async () => {
    const one = executor({ lostAfterMs: 400 });
    const ref = await one.start(request([hold]), newKey());
    const { result } = follow(one, { ...ref, runId: '1' });
    const began = Date.now();
    expect(await result).toMatchObject({ state: 'failed', failure: { class: 'sandbox_lost', message: expect.stringContaining('run 1') } });
    expect(Date.now() - began).toBeGreaterThanOrEqual(400);
  });
});

test('an unknown status and a missing one are counted, told once, and seen in health; the run goes on', async () => {
  const told: string[] = [];
  const one = executor({ onUnknownStatus: (word) => told.push(word) });
  const ref = await one.start(request([hold, { end: 'COMPLETE', result: 'Done.' }]), newKey());
  const { result } = follow(one, ref);
  codegen.setFaults({ status: { word: 'DREAMING' } });
  await eventually('the word is noticed', () => told.includes('DREAMING'));
  codegen.setFaults({ status: { word: null } });
  await eventually('the missing word is noticed', () => told.includes('no status'));
  expect(await one.getStatus(ref)).toMatchObject({ state: 'unknown', rawState: 'no status' });
  codegen.setFaults({ clear: true });
  codegen.go('go');
  expect(await result).toMatchObject({ state: 'succeeded' });
  expect(told).toEqual(['DREAMING', 'no status']);
  expect((await one.health()).detail).toMatch(/statuses that nobody knows: DREAMING \(\d+×\), no status/);
});

describe('stop', () => {
  test('with a pull request the run is really cancelled, and that is confirmed', async () => {
    const one = executor();
    const ref = await one.start(request([{ push: true }, { pullRequest: true }, hold]), newKey());
    const { result } = follow(one, ref);
    await eventually('the pull request', () => (codegen.runs()[0]?.pullRequests.length ?? 0) > 0);
    expect(await one.stop(ref)).toBe('confirmed');
    expect(await result).toMatchObject({ state: 'cancelled', branch: 'cyrus/eng-1' });
    expect(await executor().stop(ref)).toBe('confirmed');
  });

  test('without one it is unsupported, and made up for as soon as there is one', async () => {
    const one = executor();
    const ref = await one.start(request([hold, { push: true }, { pullRequest: true }, { until: 'never' }]), newKey());
    const { result } = follow(one, ref);
    expect(await one.stop(ref)).toBe('unsupported');
    expect(codegen.calls('runs.removeFromPr')).toEqual([]);
    codegen.go('go');
    expect(await result).toMatchObject({ state: 'cancelled' });
  });

  test('a run that is stuck past its deadline is told with what became of it', async () => {
    const one = executor();
    codegen.setFaults({ stuck: true });
    const ref = await one.start(request([{ think: 'hm' }], { timeoutMs: 300 }), newKey());
    expect(await follow(one, ref).result).toMatchObject({
      state: 'expired',
      failure: { class: 'timeout', stopped: 'unsupported', message: expect.stringContaining('cannot be stopped from here') },
    });
  });
});

describe('a follow-up', () => {
  const ask: Step[] = [{ think: 'hm' }, { ask: 'Which port?' }];
  const next = (ref: RunRef, steps: readonly Step[]): ExecutionRequest =>
    request(steps, { conversation: { id: 'c', resume: true, directory: '', ref } });

  test('goes on in the same run, and gives what is new alone, also to another process', async () => {
    const one = executor();
    const first = await one.start(request(ask), newKey());
    const asked = follow(one, first);
    expect(await asked.result).toMatchObject({ state: 'succeeded', output: 'Which port?' });
    expect(asked.events.at(-2)).toEqual({ type: 'needs-input', question: 'Which port?' });
    const second = await one.start(next(first, [{ think: 'Port 4000.' }, { end: 'COMPLETE', result: 'Done.' }]), newKey(2));
    expect(codegen.runs()).toHaveLength(1);
    expect(second.runId).toMatch(new RegExp(`^${first.runId}:\\d+:\\d+$`));
    const answered = follow(executor(), second);
    expect(await answered.result).toMatchObject({ state: 'succeeded', output: 'Done.' });
    expect(answered.events.map((event) => (event.type === 'message' ? event.content : event.type))).toEqual([
      'Port 4000.',
      'Done.',
      'complete',
    ]);
  });

  test('whose answer is lost is not said twice', async () => {
    const one = executor();
    const first = await one.start(request(ask), newKey());
    await follow(one, first).result;
    codegen.setFaults({ loseAnswer: { 'runs.resume': 1 } });
    const key = newKey(2);
    const again = next(first, [{ end: 'COMPLETE', result: 'Done.' }]);
    expect(await refusal(one.start(again, key))).toMatchObject({ class: 'network', ambiguous: true });
    const second = await executor().start(again, key);
    expect(await follow(one, second).result).toMatchObject({ output: 'Done.' });
    expect(codegen.runs()[0]?.prompts).toHaveLength(2);
    expect(codegen.runs()).toHaveLength(1);
  });

  test.each([
    ['failed', 'ERROR'],
    ['was cancelled', 'CANCELLED'],
  ])('of a run that %s is a new run', async (_how, end) => {
    const one = executor();
    const first = await one.start(request([{ end }]), newKey());
    await follow(one, first).result;
    const second = await one.start(next(first, [{ think: 'Anew.' }]), newKey(2));
    expect(second.runId).not.toContain(first.runId);
    expect(codegen.runs()).toHaveLength(2);
  });

  test('of a run that is gone, or of another executor, is a new run', async () => {
    const one = executor();
    await one.start(next({ executorId: 'codegen', runId: '1' }, [hold]), newKey());
    await one.start(next({ executorId: 'cursor', runId: 'bc-1' }, [hold]), newKey());
    expect(codegen.runs()).toHaveLength(2);
  });
});

describe('refusals of a create', () => {
  test.each([
    [402, 'quota_exhausted'],
    [403, 'auth'],
    [404, 'invalid_request'],
    [429, 'rate_limited'],
  ] as const)('%i is certain', async (status, kind) => {
    codegen.setFaults({ refuseCreate: { count: 1, status } });
    const failure = await refusal(executor().start(request([hold]), newKey()));
    expect(failure.class).toBe(kind);
    expect(failure.ambiguous).toBeUndefined();
    expect(codegen.runs()).toEqual([]);
  });

  test('the eleventh in a minute is not even asked for, and says when it may be', async () => {
    const one = executor();
    for (let left = 10; left > 0; left--) await one.start(request([hold]), newKey());
    const failure = await refusal(one.start(request([hold]), newKey()));
    expect(failure.class).toBe('rate_limited');
    expect(failure.ambiguous).toBeUndefined();
    expect(failure.retryAt).toBeGreaterThan(Date.now() + 10_000);
    expect(codegen.calls('runs.create')).toHaveLength(10);
  });

  test('where the calls that are left cannot be asked for, none is made, and that is certain', async () => {
    const away = async (): Promise<never> => {
      throw new Error('no database');
    };
    const failure = await refusal(executor({ limiter: { take: away, holdBack: away } }).start(request([hold]), newKey()));
    expect(failure).toMatchObject({ class: 'network', message: expect.stringContaining('no database') });
    expect(failure.ambiguous).toBeUndefined();
    expect(codegen.calls()).toEqual([]);
  });

  test('a create that takes effect later than it is waited for is ambiguous, and found then', async () => {
    codegen.setFaults({ lateCreate: { count: 1, ms: 4000 } });
    const key = newKey();
    const one = executor({ timeoutMs: 2000 });
    expect(await refusal(one.start(request([hold]), key))).toMatchObject({ class: 'network', ambiguous: true });
    const found = await eventually('the late run', () => executor().find(key));
    expect(found.runId).toBe(String(codegen.runs()[0]?.id));
  });
});

describe('health', () => {
  test('of everything that can be wrong, each is told apart and says what to do', async () => {
    const unreachable = executor({ baseUrl: 'http://127.0.0.1:1' });
    const well = await executor().health();
    expect(well).toEqual({ state: 'ready', detail: `Codegen at ${codegen.url}: organisation Acme (42), as dev` });
    const found = {
      token: await executor({ apiToken: 'wrong' }).health(),
      organisation: await executor({ orgId: 7 }).health(),
      host: await unreachable.health(),
    };
    codegen.setFaults({ discontinued: 410 });
    const gone = await executor().health();
    codegen.setFaults({ discontinued: 'page' });
    const page = await executor().health();
    codegen.setFaults({ discontinued: 404 });
    const nothing = await executor().health();
    expect(found.token).toMatchObject({
      state: 'unavailable',
      failure: { class: 'auth', fix: expect.stringContaining('CODEGEN_API_TOKEN') },
    });
    expect(found.organisation).toMatchObject({
      state: 'unavailable',
      failure: { class: 'auth', fix: expect.stringContaining('CODEGEN_ORG_ID') },
    });
    expect(found.organisation.detail).toContain('organisation 7 is not one of its own: Acme (42)');
    expect(found.host).toMatchObject({
      state: 'unavailable',
      failure: { class: 'network', fix: expect.stringContaining('codegen.baseUrl') },
    });
    for (const one of [gone, page, nothing]) {
      expect(one.detail).toContain('discontinued in January 2026; installations of one');
      expect(one.failure?.fix).toContain('codegen.baseUrl');
    }
    expect(new Set([found.token, found.organisation, found.host, gone].map(({ detail }) => detail)).size).toBe(4);
    expect(JSON.stringify([well, found, gone, page, nothing])).not.toContain(codegen.token);
  });
});

test('ten runs are followed by one look at the list, within the limits', async () => {
  const one = executor({ pollMs: 200 });
  const refs = await Promise.all(
    Array.from({ length: 10 }, () => one.start(request([hold, { end: 'COMPLETE', result: 'Done.' }]), newKey())),
  );
  const before = codegen.calls('runs.list').length;
  const followed = refs.map((ref) => follow(one, ref));
  await eventually('some looks', () => codegen.calls('runs.list').length >= before + 5);
  const looks = codegen.calls('runs.list').length - before;
  expect(codegen.calls('runs.get')).toEqual([]);
  const span = (codegen.calls('runs.list').at(-1)?.at ?? 0) - (codegen.calls('runs.list')[before]?.at ?? 0);
  expect(span / (looks - 1)).toBeGreaterThan(40);
  codegen.go('go');
  expect((await Promise.all(followed.map(({ result }) => result))).map(({ state }) => state)).toEqual(refs.map(() => 'succeeded'));
});
