/**
 * What a cloud `TaskExecutor` promises on top of its interface, as a vitest suite: it loses no run and starts none twice, whatever happens
 * to the answers, to this process and to the service. Every cloud executor runs it against the stand-in of its service; only tests import
 * this file. What a capability rules out is left out, nothing else is. (Long because it is one list of promises.)
 */
import { randomUUID } from 'node:crypto';
import type { Failure } from 'cyrus-core/failure';
import { FailureError } from 'cyrus-core/failure';
import type { MicroUsd } from 'cyrus-core/money';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from './conformance.ts';
import {
  type AttemptKey,
  type ExecutionEvent,
  type ExecutionRequest,
  finalRunStates,
  type RemoteWork,
  type RunRef,
  type RunResult,
  type TaskExecutor,
} from './executor.ts';

/** What the stand-in has an agent do. */
export type CloudScript =
  /** Says `text` and ends. */
  | { readonly kind: 'answer'; readonly text: string }
  /** Uses `steps` tools, saying something before each, waits until it is released, uses `steps` more, says `text` and ends. */
  | { readonly kind: 'steps'; readonly steps: number; readonly text: string }
  /** Pushes a commit to a branch of the remote, with `pullRequest` opens one, says `text` and ends. */
  | { readonly kind: 'push'; readonly text: string; readonly pullRequest: boolean }
  /** Asks the people it works for. */
  | { readonly kind: 'question'; readonly question: string }
  /** Begins, and is not heard of again. */
  | { readonly kind: 'endless' }
  /** Ends badly, as the service says it. */
  | { readonly kind: 'fail' }
  /** Ends because it took longer than the service allows. */
  | { readonly kind: 'expire' };

/** What the stand-in does wrong until it is told to be calm again. */
export type CloudFault =
  /** The next create takes effect, and its answer never arrives. For `hiddenForMs` nobody can see the run. */
  | { readonly kind: 'lose-create-answer'; readonly hiddenForMs?: number }
  /** The next create does not take effect and answers 503. */
  | { readonly kind: 'refuse-create-unavailable' }
  /** The next create is refused with 429 and a time to wait. */
  | { readonly kind: 'refuse-create-rate-limit'; readonly retryAfterSeconds: number }
  /** Runs created from now on are answered 404 for so long. */
  | { readonly kind: 'hide-new-runs'; readonly forMs: number }
  /** Runs say that their status is `word`. */
  | { readonly kind: 'status-word'; readonly word: string }
  /** Everything that happens is told twice. */
  | { readonly kind: 'duplicate-events' }
  /** Every call is refused with 429 for so long. */
  | { readonly kind: 'rate-limit'; readonly forMs: number }
  /** Every call is answered 503 for so long, and connections break. */
  | { readonly kind: 'unavailable'; readonly forMs: number }
  /** No cost is reported. */
  | { readonly kind: 'no-cost' }
  /** Costs are reported so long after the end of a run. */
  | { readonly kind: 'late-cost'; readonly byMs: number };

/** A run as the service knows it. */
export interface ServiceRun {
  readonly runId: string;
  /** It works, or will. */
  readonly active: boolean;
  /** What was really charged for it. */
  readonly billed: MicroUsd;
}

export interface CloudHarness {
  /** A new executor of the same service and credential: what there is after a restart of this process. Polls fast. */
  executor(): TaskExecutor;
  /** The part of a request that makes the agent play `script`. */
  play(script: CloudScript): Pick<ExecutionRequest, 'prompt'> & Partial<ExecutionRequest>;
  /** A repository of the service's code host to work on. */
  readonly remote: RemoteWork;
  /** The commit at the head of a branch of that repository. */
  branchHead(branch: string): Promise<string | undefined>;
  fault(fault: CloudFault): void | Promise<void>;
  /** Ends every fault, and lets runs that wait go on. */
  calm(): void | Promise<void>;
  /** Lets runs that wait go on. */
  release(): void | Promise<void>;
  /** Every run that was ever created, in that order. */
  runs(): Promise<readonly ServiceRun[]>;
  /** Whether the agent can ask the people it works for. */
  readonly canAsk: boolean;
  /** Everything people have said to the agent of a run. */
  heard(ref: RunRef): Promise<readonly string[]>;
  /** The same executor with a credential the service does not know, and one whose service is away. */
  readonly broken: { readonly wrongCredential: TaskExecutor; readonly unreachable: TaskExecutor };
  close(): Promise<void>;
}

export function cloudExecutorConformance(name: string, setup: () => Promise<CloudHarness>): void {
  describe(`${name} is a cloud TaskExecutor`, () => {
    let harness: CloudHarness;
    let started: RunRef[] = [];
    let before = 0;

    beforeAll(async () => {
      harness = await setup();
    });
    afterAll(() => harness?.close());
    afterEach(async () => {
      await harness.calm();
      const executor = harness.executor();
      await Promise.all(started.map((ref) => executor.stop(ref).catch(() => undefined)));
      started = [];
    });

    const newKey = (number = 1): AttemptKey => ({ attemptId: randomUUID(), number });

    function request(script: CloudScript, more: Partial<ExecutionRequest> = {}): ExecutionRequest {
      return {
        conversation: { id: randomUUID(), resume: false, directory: '' },
        workingDirectory: '',
        readable: [],
        remote: harness.remote,
        timeoutMs: 120_000,
        ...harness.play(script),
        ...more,
      };
    }

    /** Starts counting the runs that are created. */
    async function countRuns(): Promise<void> {
      before = (await harness.runs()).length;
    }
    const created = async (): Promise<readonly ServiceRun[]> => (await harness.runs()).slice(before);

    async function start(executor: TaskExecutor, asked: ExecutionRequest, key = newKey()): Promise<RunRef> {
      const ref = await executor.start(asked, key);
      started.push(ref);
      return ref;
    }

    async function refusal(doing: Promise<unknown>): Promise<Failure> {
      const error = await doing.then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      if (!(error instanceof FailureError)) throw new Error(`no FailureError was thrown, but ${String(error)}`);
      return error.failure;
    }

    interface Followed {
      readonly events: ExecutionEvent[];
      readonly result: Promise<RunResult>;
    }

    function follow(executor: TaskExecutor, ref: RunRef, cursor?: number): Followed {
      const events: ExecutionEvent[] = [];
      const result = (async () => {
        for await (const event of executor.attach(ref, cursor === undefined ? undefined : String(cursor))) events.push(event);
        const last = events.at(-1);
        if (last?.type !== 'complete') throw new Error(`the last event is ${last?.type}, not complete`);
        return last.result;
      })();
      result.catch(() => undefined);
      return { events, result };
    }

    /** Reads until `count` events are there and then lets go, as a process that dies does. */
    async function readSome(executor: TaskExecutor, ref: RunRef, count: number, cursor = 0): Promise<ExecutionEvent[]> {
      const events: ExecutionEvent[] = [];
      for await (const event of executor.attach(ref, String(cursor))) {
        events.push(event);
        if (events.length === count) break;
      }
      return events;
    }

    const serviceRun = async (ref: RunRef): Promise<ServiceRun | undefined> =>
      (await harness.runs()).find(({ runId }) => runId === ref.runId);
    const working = (executor: TaskExecutor, ref: RunRef): Promise<unknown> =>
      eventually('the run works', async () => (await executor.getStatus(ref)).state === 'running');
    const tools = (events: readonly ExecutionEvent[]): number => events.filter((event) => event.type === 'tool-use').length;
    const charges = (events: readonly ExecutionEvent[]): MicroUsd[] =>
      events.flatMap((event) => (event.type === 'usage' && event.usage.cost !== undefined ? [event.usage.cost] : []));

    test('a run ends with exactly one complete, and says what the agent said', async () => {
      const executor = harness.executor();
      expect(executor.kind).toBe('cloud');
      const ref = await start(executor, request({ kind: 'answer', text: 'The work is done.' }));
      expect(ref.executorId).toBe(executor.id);
      const { events, result } = follow(executor, ref);
      expect(await result).toMatchObject({ state: 'succeeded', output: 'The work is done.' });
      expect(events.filter((event) => event.type === 'complete')).toHaveLength(1);
      expect(events.filter((event) => event.type === 'message' && event.content === 'The work is done.')).toHaveLength(1);
      expect(await executor.getStatus(ref)).toMatchObject({ state: 'succeeded', rawState: expect.stringMatching(/\S/) });
    });

    test('the work is a branch on the remote, and is named', async () => {
      const executor = harness.executor();
      const ref = await start(executor, request({ kind: 'push', text: 'Pushed.', pullRequest: executor.capabilities.opensPr }));
      const result = await follow(executor, ref).result;
      expect(result).toMatchObject({ state: 'succeeded', branch: expect.stringMatching(/\S/) });
      const head = await harness.branchHead(result.branch ?? '');
      expect(head).toMatch(/^[0-9a-f]{40}$/);
      expect(head).not.toBe(harness.remote.startSha);
      if (executor.capabilities.opensPr) expect(result.pullRequestUrl).toMatch(/^https?:\/\//);
      else expect(result.pullRequestUrl).toBeUndefined();
    });

    test('start is idempotent by key where it says so, and find knows the run of a key and no other', async () => {
      const executor = harness.executor();
      const asked = request({ kind: 'endless' });
      const key = newKey();
      await countRuns();
      const ref = await start(executor, asked, key);
      if (executor.capabilities.idempotentCreate) {
        expect(await executor.start(asked, key)).toEqual(ref);
        expect(await harness.executor().start(asked, key)).toEqual(ref);
        const twice = newKey();
        const [one, other] = await Promise.all([start(executor, asked, twice), start(harness.executor(), asked, twice)]);
        expect(one).toEqual(other);
        expect(await created()).toHaveLength(2);
      }
      expect(await executor.find(key)).toEqual(ref);
      expect(await executor.find(newKey())).toBeUndefined();
      expect(await executor.find({ ...key, number: 2 })).toBeUndefined();
    });

    test('a crash between create and record: the next process finds the run by its key and follows it from the beginning', async () => {
      const key = newKey();
      await countRuns();
      const ref = await start(harness.executor(), request({ kind: 'steps', steps: 2, text: 'Done.' }), key);
      const next = harness.executor();
      const found = await next.find(key);
      expect(found).toEqual(ref);
      await harness.release();
      const { events, result } = follow(next, found ?? ref, 0);
      expect(await result).toMatchObject({ state: 'succeeded', output: 'Done.' });
      expect(tools(events)).toBe(4);
      expect(await created()).toHaveLength(1);
    });

    test('a create whose answer is lost is ambiguous or found again, and never a second run', async () => {
      const executor = harness.executor();
      const key = newKey();
      const asked = request({ kind: 'endless' });
      await countRuns();
      await harness.fault({ kind: 'lose-create-answer' });
      const outcome = await executor.start(asked, key).catch((error: unknown) => error);
      if (outcome instanceof FailureError) expect(outcome.failure).toMatchObject({ class: 'network', ambiguous: true });
      else expect(executor.capabilities.idempotentCreate).toBe(true);
      const found = await eventually('the run is found', () => harness.executor().find(key));
      started.push(found);
      if (!(outcome instanceof Error)) expect(outcome).toEqual(found);
      if (executor.capabilities.idempotentCreate) expect(await executor.start(asked, key)).toEqual(found);
      expect(await created()).toHaveLength(1);
    });

    test('a run that appears late is found late, and is the only one', async () => {
      const executor = harness.executor();
      const key = newKey();
      const asked = request({ kind: 'endless' });
      await countRuns();
      await harness.fault({ kind: 'lose-create-answer', hiddenForMs: 1500 });
      const outcome = await executor.start(asked, key).catch((error: unknown) => error);
      if (outcome instanceof Error) {
        if (!(outcome instanceof FailureError)) throw outcome;
        expect(outcome.failure).toMatchObject({ ambiguous: true });
      }
      const found = await eventually('the late run is found', () => harness.executor().find(key));
      started.push(found);
      if (executor.capabilities.idempotentCreate) expect(await executor.start(asked, key)).toEqual(found);
      expect(await created()).toHaveLength(1);
      await working(executor, found);
    });

    test('an answer of 5xx to a create says that nobody knows; nothing is found, and a new start works', async () => {
      const executor = harness.executor();
      const key = newKey();
      const asked = request({ kind: 'endless' });
      await countRuns();
      await harness.fault({ kind: 'refuse-create-unavailable' });
      const outcome = await executor.start(asked, key).catch((error: unknown) => error);
      if (outcome instanceof FailureError) {
        expect(outcome.failure).toMatchObject({ class: 'network', ambiguous: true });
        expect(await executor.find(key)).toBeUndefined();
        await start(executor, asked, key);
      } else started.push(outcome as RunRef);
      expect(await created()).toHaveLength(1);
    });

    test('a rate limit on create is certain: nothing was started, and it is said when to try again', async () => {
      const executor = harness.executor();
      const key = newKey();
      await countRuns();
      await harness.fault({ kind: 'refuse-create-rate-limit', retryAfterSeconds: 30 });
      const asked = Date.now();
      const failure = await refusal(executor.start(request({ kind: 'answer', text: 'Not reached.' }), key));
      expect(failure.class).toBe('rate_limited');
      expect(failure.ambiguous).toBeUndefined();
      expect(failure.retryAt).toBeGreaterThan(asked + 25_000);
      expect(failure.retryAt).toBeLessThan(asked + 60_000);
      expect(await created()).toEqual([]);
    });

    test('events are neither lost nor doubled when the reader dies, twice', async () => {
      const ref = await start(harness.executor(), request({ kind: 'steps', steps: 3, text: 'All done.' }));
      const first = await readSome(harness.executor(), ref, 2);
      const second = await readSome(harness.executor(), ref, 1, first.length);
      await harness.release();
      const rest = follow(harness.executor(), ref, first.length + second.length);
      await rest.result;
      const whole = follow(harness.executor(), ref);
      await whole.result;
      expect([...first, ...second, ...rest.events]).toEqual(whole.events);
      expect(tools(whole.events)).toBe(6);
    });

    test('a reader that died before the last word gets the last word, and no charge twice', async () => {
      const executor = harness.executor();
      const ref = await start(executor, request({ kind: 'answer', text: 'Short.' }));
      const whole = follow(executor, ref);
      await whole.result;
      for (let cursor = 0; cursor < whole.events.length; cursor++) {
        const rest = follow(harness.executor(), ref, cursor);
        await rest.result;
        expect(rest.events).toEqual(whole.events.slice(cursor));
      }
    });

    test('a status nobody knows is unknown, keeps its word and does not end the run', async () => {
      const executor = harness.executor();
      const ref = await start(executor, request({ kind: 'steps', steps: 1, text: 'After all.' }));
      await working(executor, ref);
      await harness.fault({ kind: 'status-word', word: 'HIBERNATING' });
      await harness.release();
      const { events, result } = follow(harness.executor(), ref);
      expect(
        await eventually('the unknown word is seen', async () => {
          const status = await executor.getStatus(ref);
          return status.state === 'unknown' && status;
        }),
      ).toMatchObject({ state: 'unknown', rawState: 'HIBERNATING' });
      expect(events.some((event) => event.type === 'complete')).toBe(false);
      expect(finalRunStates).not.toContain((await executor.getStatus(ref)).state);
      await harness.calm();
      expect(await result).toMatchObject({ state: 'succeeded', output: 'After all.' });
    });

    test('404 right after create is not an end', async () => {
      await harness.fault({ kind: 'hide-new-runs', forMs: 1500 });
      const executor = harness.executor();
      const ref = await start(executor, request({ kind: 'answer', text: 'Here it is.' }));
      const { result } = follow(executor, ref);
      expect(finalRunStates).not.toContain((await executor.getStatus(ref)).state);
      expect(await result).toMatchObject({ state: 'succeeded', output: 'Here it is.' });
    });

    test('silence is not an end, until the deadline is: then the run is stopped and says so, after a restart too', async () => {
      const executor = harness.executor();
      const asked = request({ kind: 'endless' }, { timeoutMs: 4000 });
      const ref = await start(executor, asked);
      const { events, result } = follow(harness.executor(), ref);
      await working(executor, ref);
      expect(events.some((event) => event.type === 'complete')).toBe(false);
      expect(await result).toMatchObject({ state: 'expired', failure: { class: 'timeout' } });
      if (executor.capabilities.cancel === 'run' || executor.capabilities.cancel === 'session')
        await eventually('the run is stopped', async () => (await serviceRun(ref))?.active === false);
    });

    test('what is told twice is given once', async () => {
      const asked = request({ kind: 'steps', steps: 2, text: 'Said once.' });
      await harness.fault({ kind: 'duplicate-events' });
      const executor = harness.executor();
      const ref = await start(executor, asked);
      await harness.release();
      const { events, result } = follow(executor, ref);
      expect(await result).toMatchObject({ state: 'succeeded', output: 'Said once.' });
      expect(tools(events)).toBe(4);
      expect(events.filter((event) => event.type === 'message' && event.content.includes('Said once.'))).toHaveLength(1);
      expect(events.filter((event) => event.type === 'complete')).toHaveLength(1);
    });

    const interruptions: readonly [string, CloudFault][] = [
      ['the service is away', { kind: 'unavailable', forMs: 1500 }],
      ['a rate limit is reached', { kind: 'rate-limit', forMs: 1500 }],
    ];
    test.each(interruptions)('a run is followed on after %s for a time', async (_when, fault) => {
      const executor = harness.executor();
      const ref = await start(executor, request({ kind: 'steps', steps: 1, text: 'Still here.' }));
      const { events, result } = follow(executor, ref);
      await eventually('the run is heard of', () => tools(events) === 1);
      await harness.fault(fault);
      await harness.release();
      expect(await result).toMatchObject({ state: 'succeeded', output: 'Still here.' });
      expect(tools(events)).toBe(2);
    });

    test('a run that failed, and one that took too long, say so', async () => {
      const executor = harness.executor();
      const failed = await start(executor, request({ kind: 'fail' }));
      const expired = await start(executor, request({ kind: 'expire' }));
      expect(await follow(executor, failed).result).toMatchObject({ state: 'failed', failure: { class: 'agent_failed' } });
      expect(await follow(executor, expired).result).toMatchObject({ state: 'expired', failure: { class: 'timeout' } });
    });

    test('a question ends the run and is given to be answered', async (context) => {
      if (!harness.canAsk) context.skip();
      const executor = harness.executor();
      const ref = await start(executor, request({ kind: 'question', question: 'Which port?' }));
      const { events, result } = follow(executor, ref);
      expect(await result).toMatchObject({ state: 'succeeded' });
      expect((await result).failure).toBeUndefined();
      expect(events.filter((event) => event.type === 'needs-input')).toMatchObject([{ question: expect.stringContaining('Which port?') }]);
    });

    const stages: readonly [string, (executor: TaskExecutor, ref: RunRef) => Promise<unknown>][] = [
      ['right after its start', async () => undefined],
      ['at work', working],
    ];
    test.each(stages)('stop of a run %s has an honest outcome', async (_when, reached) => {
      const executor = harness.executor();
      const ref = await start(executor, request({ kind: 'endless' }));
      await reached(executor, ref);
      const { result } = follow(executor, ref);
      const outcome = await executor.stop(ref);
      const { cancel } = executor.capabilities;
      if (cancel === 'none') expect(outcome).toBe('unsupported');
      if (outcome === 'confirmed') expect((await serviceRun(ref))?.active).toBe(false);
      if (outcome === 'unsupported') expect(['none', 'pr']).toContain(cancel);
      if (cancel !== 'run' && cancel !== 'session') return;
      expect(outcome).not.toBe('unsupported');
      await eventually('the run is stopped', async () => (await serviceRun(ref))?.active === false);
      expect(await result).toMatchObject({ state: 'cancelled' });
      expect(await executor.stop(ref)).toBe('confirmed');
      expect(await executor.getStatus(ref)).toMatchObject({ state: 'cancelled' });
    });

    test('stop of a run that is over is confirmed, by a process that never saw it too', async () => {
      const executor = harness.executor();
      const ref = await start(executor, request({ kind: 'answer', text: 'Over.' }));
      await follow(executor, ref).result;
      expect(await executor.stop(ref)).toBe('confirmed');
      expect(await harness.executor().stop(ref)).toBe('confirmed');
      expect(await executor.getStatus(ref)).toMatchObject({ state: 'succeeded' });
    });

    test('what the service charged is reported once, as the service says it', async () => {
      const executor = harness.executor();
      const ref = await start(executor, request({ kind: 'answer', text: 'Paid.' }));
      const { events, result } = follow(executor, ref);
      await result;
      if (executor.capabilities.cost !== 'money') return expect(charges(events)).toEqual([]);
      expect(charges(events)).toEqual([(await serviceRun(ref))?.billed]);
      expect(events.flatMap((event) => (event.type === 'usage' ? [event.usage.trust] : []))).toEqual(['provider']);
    });

    test('where no cost is reported, none is invented', async () => {
      await harness.fault({ kind: 'no-cost' });
      const executor = harness.executor();
      const ref = await start(executor, request({ kind: 'answer', text: 'Free?' }));
      const { events, result } = follow(executor, ref);
      expect(await result).toMatchObject({ state: 'succeeded' });
      expect(charges(events)).toEqual([]);
    });

    test('a cost that is reported late is waited for and reported once', async (context) => {
      if (harness.executor().capabilities.cost !== 'money') context.skip();
      await harness.fault({ kind: 'late-cost', byMs: 1000 });
      const executor = harness.executor();
      const ref = await start(executor, request({ kind: 'answer', text: 'Billed later.' }));
      const { events, result } = follow(executor, ref);
      expect(await result).toMatchObject({ state: 'succeeded' });
      expect(charges(events)).toEqual([(await serviceRun(ref))?.billed]);
    });

    test('a message to a working run is read by its agent or too late, never lost', async (context) => {
      const executor = harness.executor();
      if (!executor.send) context.skip();
      const ref = await start(executor, request({ kind: 'steps', steps: 1, text: 'Done.' }));
      const { result } = follow(executor, ref);
      await working(executor, ref);
      const outcome = await executor.send?.(ref, { id: 7, text: 'Please use port 4000.' });
      await harness.release();
      const end = await result;
      expect(end.state).toBe('succeeded');
      const heard = (await harness.heard(ref)).join('\n');
      expect(heard.includes('Please use port 4000.')).toBe(outcome !== 'too_late');
      expect(end.lastDelivered).toBe(outcome === 'too_late' ? undefined : 7);
      expect(await executor.send?.(ref, { id: 8, text: 'Too late.' })).toBe('too_late');
    });

    test('health tells a service that is well, a wrong credential and an unreachable service apart', async () => {
      const { wrongCredential, unreachable } = harness.broken;
      const well = await harness.executor().health();
      expect(well).toMatchObject({ state: 'ready', detail: expect.stringMatching(/\S/) });
      const wrong = await wrongCredential.health();
      expect(wrong).toMatchObject({ state: 'unavailable', failure: { class: 'auth', fix: expect.stringMatching(/\S/) } });
      const away = await unreachable.health();
      expect(away).toMatchObject({ state: 'unavailable', failure: { class: 'network', fix: expect.stringMatching(/\S/) } });
      expect(new Set([well.detail, wrong.failure?.message, away.failure?.message]).size).toBe(3);
    });

    test('a start with a wrong credential or without a service is refused for certain', async () => {
      const asked = request({ kind: 'answer', text: 'Not reached.' });
      await countRuns();
      for (const [broken, kind] of [
        [harness.broken.wrongCredential, 'auth'],
        [harness.broken.unreachable, 'network'],
      ] as const) {
        const failure = await refusal(broken.start(asked, newKey()));
        expect(failure.class).toBe(kind);
        expect(failure.ambiguous).toBeUndefined();
      }
      expect(await created()).toEqual([]);
    });
  });
}
