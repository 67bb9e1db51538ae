/**
 * The contract of `TaskExecutor` as a vitest suite. Every executor, and every stand-in for one, runs it from its own tests; only tests
 * import this file. What a capability rules out is left out, nothing else is. (Long because it is one list of promises.)
 */
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { FailureError } from 'cyrus-core/failure';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { AttemptKey, ExecutionEvent, ExecutionRequest, RunRef, RunResult, TaskExecutor, Usage } from './executor.ts';
import { asSimpleExecutor } from './simple-executor.ts';

/** What the suite has an agent do. */
export type Scenario =
  /** Says `text` and ends. */
  | { readonly kind: 'answer'; readonly text: string }
  /** Runs a command that ends once `file` exists in the working directory, then says `text` and ends. */
  | { readonly kind: 'command-until-file'; readonly file: string; readonly text: string }
  /** Asks the people it works for, with `options` to choose from; as that ends the run, `text` is never said. */
  | { readonly kind: 'question'; readonly question: string; readonly options: readonly string[]; readonly text: string }
  /** Waits for an answer of its model (or whatever it thinks with) that does not come. */
  | { readonly kind: 'endless-thought' };

export interface ExecutorHarness {
  readonly executor: TaskExecutor;
  /** The part of a request that makes the agent play `scenario`. */
  play(scenario: Scenario): Pick<ExecutionRequest, 'prompt'> & Partial<ExecutionRequest>;
  /** Whether the agent can ask the people it works for. */
  readonly canAsk: boolean;
  /** The processes of a run that are alive on this host; absent for cloud executors. */
  processes?(ref: RunRef): Promise<readonly number[]>;
  /** Everything people have said to the agent of this conversation, as its newest thought knew it. */
  heard(request: ExecutionRequest): Promise<readonly string[]>;
  /** Whether the agent has written down what would be needed to go on with the conversation; agents write with a short delay. */
  recorded?(request: ExecutionRequest): Promise<boolean>;
  /** Output tokens the provider has really billed for this conversation; absent where nothing is billed. */
  billedOutputTokens?(request: ExecutionRequest): Promise<number>;
  /** Executors that cannot work, each for its own reason; absent where the reason does not exist for this executor. */
  readonly broken: {
    readonly missingBinary?: TaskExecutor;
    readonly missingLogin?: TaskExecutor;
    readonly deadApi?: TaskExecutor;
  };
  close(): Promise<void>;
}

/** Waits until `condition` gives a value; fails after `withinMs`. */
export async function eventually<T>(
  what: string,
  condition: () => Promise<T | undefined | false> | T | undefined | false,
  withinMs = 60_000,
): Promise<T> {
  for (const deadline = Date.now() + withinMs; ; ) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await pause(20);
  }
}

interface Followed {
  readonly ref: RunRef;
  readonly events: ExecutionEvent[];
  readonly result: Promise<RunResult>;
}

export function describeExecutor(name: string, setup: () => Promise<ExecutorHarness>): void {
  describe(`${name} is a TaskExecutor`, () => {
    let harness: ExecutorHarness;
    let executor: TaskExecutor;
    let directory: string;
    let started: RunRef[] = [];

    beforeAll(async () => {
      harness = await setup();
      executor = harness.executor;
    });
    afterAll(() => harness.close());
    beforeEach(async () => {
      directory = await mkdtemp(join(tmpdir(), 'cyrus-executor-'));
    });
    afterEach(async () => {
      await Promise.all(started.map((ref) => executor.stop(ref)));
      started = [];
      await rm(directory, { recursive: true, force: true });
    });

    const newKey = (number = 1): AttemptKey => ({ attemptId: `conformance-${randomUUID()}`, number });

    async function request(scenario: Scenario, more: Partial<ExecutionRequest> = {}): Promise<ExecutionRequest> {
      const workingDirectory = join(directory, 'work');
      await mkdir(workingDirectory, { recursive: true });
      const conversation = { id: randomUUID(), resume: false, directory: join(directory, 'conversation') };
      await mkdir(conversation.directory, { recursive: true });
      return { conversation, workingDirectory, readable: [], timeoutMs: 120_000, ...harness.play(scenario), ...more };
    }

    function follow(ref: RunRef): Followed {
      const events: ExecutionEvent[] = [];
      const result = (async () => {
        for await (const event of executor.attach(ref)) events.push(event);
        const last = events.at(-1);
        if (last?.type !== 'complete') throw new Error(`the last event is ${last?.type}, not complete`);
        return last.result;
      })();
      result.catch(() => undefined);
      return { ref, events, result };
    }

    async function run(asked: ExecutionRequest, key = newKey()): Promise<Followed> {
      const ref = await executor.start(asked, key);
      started.push(ref);
      return follow(ref);
    }

    const usages = (followed: Followed): Usage[] => followed.events.flatMap((event) => (event.type === 'usage' ? [event.usage] : []));
    const inCommand = (followed: Followed): Promise<unknown> =>
      eventually('the agent runs its command', () => followed.events.find((event) => event.type === 'tool-use'));
    async function expectGone(ref: RunRef): Promise<void> {
      if (harness.processes) expect(await harness.processes(ref)).toEqual([]);
    }

    test('a run ends with exactly one complete, and says what the agent said', async () => {
      const followed = await run(await request({ kind: 'answer', text: 'The work is done.' }));
      const result = await followed.result;
      expect(result).toMatchObject({ state: 'succeeded', output: 'The work is done.' });
      expect(followed.events.filter((event) => event.type === 'complete')).toHaveLength(1);
      expect(followed.events).toContainEqual({ type: 'message', content: 'The work is done.' });
      expect(await executor.getStatus(followed.ref)).toMatchObject({ state: 'succeeded' });
      await expectGone(followed.ref);
    });

    test('start is idempotent by key, find knows the run, and an unknown key is not found', async () => {
      const asked = await request({ kind: 'endless-thought' });
      const key = newKey();
      if (executor.capabilities.idempotentCreate) {
        const [first, second] = await Promise.all([executor.start(asked, key), executor.start(asked, key)]);
        started.push(first);
        expect(second).toEqual(first);
        expect(await executor.start(asked, key)).toEqual(first);
        expect(await executor.find(key)).toEqual(first);
      } else {
        const ref = await executor.start(asked, key);
        started.push(ref);
        expect(await executor.find(key)).toEqual(ref);
      }
      expect(await executor.find(newKey())).toBeUndefined();
      expect(await executor.find({ ...key, number: 2 })).toBeUndefined();
    });

    test('events can be read again from a cursor', async () => {
      const followed = await run(await request({ kind: 'command-until-file', file: 'go', text: 'Done.' }));
      await inCommand(followed);
      const seen = followed.events.length;
      const rest: ExecutionEvent[] = [];
      const second = (async () => {
        for await (const event of executor.attach(followed.ref, String(seen))) rest.push(event);
      })();
      await writeFile(join(directory, 'work', 'go'), '');
      await Promise.all([followed.result, second]);
      expect(rest).toEqual(followed.events.slice(seen));
    });

    test('usage is reported in deltas that sum up to what was billed', async (context) => {
      if (executor.capabilities.cost === 'none') context.skip();
      const asked = await request({ kind: 'command-until-file', file: 'go', text: 'Done.' });
      const first = await run(asked);
      await inCommand(first);
      await writeFile(join(directory, 'work', 'go'), '');
      await first.result;
      const second = await run({
        ...asked,
        ...harness.play({ kind: 'answer', text: 'More.' }),
        conversation: { ...asked.conversation, resume: true },
      });
      await second.result;
      const reported = [first, second].map((followed) => usages(followed).reduce((sum, usage) => sum + usage.outputTokens, 0));
      for (const followed of [first, second]) {
        expect(usages(followed).length).toBeGreaterThan(0);
        for (const usage of usages(followed)) {
          expect(
            Math.min(usage.inputTokens, usage.outputTokens, usage.cacheReadTokens, usage.cacheWriteTokens, usage.cost ?? 0),
          ).toBeGreaterThanOrEqual(0);
        }
        if (executor.capabilities.cost === 'money')
          expect(usages(followed).reduce((sum, usage) => sum + (usage.cost ?? 0), 0)).toBeGreaterThan(0);
      }
      if (harness.billedOutputTokens) expect((reported[0] ?? 0) + (reported[1] ?? 0)).toBe(await harness.billedOutputTokens(asked));
    });

    test('a message to a working agent is read in the same run and acknowledged', async (context) => {
      if (!executor.capabilities.steer || !executor.send) context.skip();
      const asked = await request({ kind: 'command-until-file', file: 'go', text: 'Done.' });
      const followed = await run(asked);
      await inCommand(followed);
      expect(await executor.send?.(followed.ref, { id: 1, text: 'Please use port 4000.' })).toMatch(/steered|queued/);
      await writeFile(join(directory, 'work', 'go'), '');
      expect(await followed.result).toMatchObject({ state: 'succeeded', lastDelivered: 1 });
      expect(followed.events.filter((event) => event.type === 'delivered')).toEqual([{ type: 'delivered', messageId: 1 }]);
      expect((await harness.heard(asked)).join('\n')).toContain('Please use port 4000.');
    });

    test('a message at any moment of a run is read or too late, never lost', async (context) => {
      if (!executor.capabilities.steer || !executor.send) context.skip();
      const asked = await request({ kind: 'answer', text: 'Done.' });
      const followed = await run(asked);
      const accepted: number[] = [];
      let id = 0;
      const say = async (): Promise<void> => {
        const mine = ++id;
        const answer = await executor.send?.(followed.ref, { id: mine, text: `Message number ${mine}.` });
        if (answer !== 'too_late') accepted.push(mine);
      };
      await say();
      await eventually('the agent has said something', () => followed.events.find((event) => event.type === 'message'));
      await say();
      await followed.result;
      const atTheEnd = id;
      await say();
      expect(accepted).not.toContain(atTheEnd + 1);
      const result = await followed.result;
      const read = followed.events.flatMap((event) => (event.type === 'delivered' ? [event.messageId] : []));
      expect(read).toEqual(accepted);
      expect(result.lastDelivered).toBe(accepted.at(-1));
      const heard = (await harness.heard(asked)).join('\n');
      for (const one of accepted) expect(heard).toContain(`Message number ${one}.`);
    });

    const stoppable: readonly [string, Scenario, boolean][] = [
      ['during a running command', { kind: 'command-until-file', file: 'never', text: 'Not reached.' }, true],
      ['while the agent thinks', { kind: 'endless-thought' }, false],
      ['before the first event', { kind: 'command-until-file', file: 'never', text: 'Not reached.' }, false],
    ];
    test.each(stoppable)('stop %s leaves no process and ends the events', async (when, scenario, waits) => {
      const followed = await run(await request(scenario));
      if (waits) await inCommand(followed);
      else if (when.startsWith('while') && harness.processes) {
        await eventually('the agent lives', async () => ((await harness.processes?.(followed.ref)) ?? []).length > 0);
      }
      const answer = await executor.stop(followed.ref);
      if (executor.kind === 'local') expect(answer).toBe('confirmed');
      if (answer !== 'confirmed') return;
      await expectGone(followed.ref);
      expect(await followed.result).toMatchObject({ state: 'cancelled' });
      expect(await executor.stop(followed.ref)).toBe('confirmed');
      expect(await executor.send?.(followed.ref, { id: 1, text: 'Too late?' })).toBe(executor.send ? 'too_late' : undefined);
    });

    test('stopping a run that this process does not know is confirmed by a local executor', async (context) => {
      if (executor.kind !== 'local') context.skip();
      expect(await executor.stop({ executorId: executor.id, runId: `unknown-${randomUUID()}` })).toBe('confirmed');
    });

    test('a run past its deadline is ended and says so', async () => {
      const followed = await run(await request({ kind: 'endless-thought' }, { timeoutMs: 1500 }));
      expect(await followed.result).toMatchObject({ state: 'expired', failure: { class: 'timeout' } });
      await expectGone(followed.ref);
    });

    test('a conversation goes on after its agent was killed', async (context) => {
      if (!executor.capabilities.resume || !harness.processes) context.skip();
      const asked = await request({ kind: 'command-until-file', file: 'never', text: 'Not reached.' });
      const followed = await run(asked);
      await inCommand(followed);
      if (harness.recorded) await eventually('the conversation is on disk', () => harness.recorded?.(asked));
      for (const pid of (await harness.processes?.(followed.ref)) ?? []) process.kill(pid, 'SIGKILL');
      expect(await followed.result).toMatchObject({ state: 'failed', failure: { class: 'sandbox_lost' } });
      await expectGone(followed.ref);
      const resumed = {
        ...asked,
        ...harness.play({ kind: 'answer', text: 'Here again.' }),
        conversation: { ...asked.conversation, resume: true },
      };
      const again = await run(resumed, newKey(2));
      expect(await again.result).toMatchObject({ state: 'succeeded', output: 'Here again.' });
      expect((await harness.heard(resumed)).join('\n')).toContain(asked.prompt.slice(0, 20));
    });

    test('a conversation goes on with a follow-up', async (context) => {
      if (!executor.capabilities.resume) context.skip();
      const asked = await request({ kind: 'answer', text: 'First.' });
      await (await run(asked)).result;
      const next = {
        ...asked,
        ...harness.play({ kind: 'answer', text: 'Second.' }),
        conversation: { ...asked.conversation, resume: true },
      };
      expect(await (await run(next)).result).toMatchObject({ state: 'succeeded', output: 'Second.' });
      expect((await harness.heard(next)).length).toBeGreaterThanOrEqual(2);
    });

    test('a question ends the run, and the answer resumes it', async (context) => {
      if (!harness.canAsk) context.skip();
      const asked = await request({ kind: 'question', question: 'Which port?', options: ['4000', '5000'], text: 'Not reached.' });
      const followed = await run(asked);
      const result = await followed.result;
      expect(result).toMatchObject({ state: 'succeeded', output: 'Which port?' });
      expect(result.failure).toBeUndefined();
      expect(followed.events.slice(-2)).toEqual([
        { type: 'needs-input', question: 'Which port?', options: ['4000', '5000'] },
        { type: 'complete', result },
      ]);
      expect(followed.events.filter((event) => event.type === 'needs-input')).toHaveLength(1);
      expect(followed.events).not.toContainEqual({ type: 'message', content: 'Not reached.' });
      await expectGone(followed.ref);
      if (!executor.capabilities.resume) return;
      const played = harness.play({ kind: 'answer', text: 'Port 4000 it is.' });
      const answered = {
        ...asked,
        ...played,
        prompt: `Take port 4000.\n${played.prompt}`,
        conversation: { ...asked.conversation, resume: true },
      };
      const again = await run(answered, newKey(2));
      expect(await again.result).toMatchObject({ state: 'succeeded', output: 'Port 4000 it is.' });
      expect(again.events.filter((event) => event.type === 'needs-input')).toEqual([]);
      const heard = (await harness.heard(answered)).join('\n');
      expect(heard).toContain(asked.prompt.slice(0, 20));
      expect(heard).toContain('Take port 4000.');
    });

    test('an unknown conversation starts anew and says so', async (context) => {
      if (!executor.capabilities.resume) context.skip();
      const asked = await request({ kind: 'answer', text: 'Fresh.' });
      const followed = await run({ ...asked, conversation: { ...asked.conversation, resume: true } });
      expect(await followed.result).toMatchObject({ state: 'succeeded', output: 'Fresh.' });
      expect(followed.events.find((event) => event.type === 'message' && /a new one begins/.test(event.content))).toBeDefined();
    });

    test('a listener that throws does not break the run', async () => {
      const asked = await request({ kind: 'answer', text: 'Unimpressed.' });
      const { prompt, environmentVariables } = asked;
      const simple = asSimpleExecutor(executor, { conversationsDirectory: directory, readable: [] });
      const context = {
        issueId: 'ISSUE-1',
        repositoryPath: asked.workingDirectory,
        baseBranch: 'main',
        workingDirectory: asked.workingDirectory,
      };
      const result = await simple.executeStreaming(
        prompt,
        { ...context, ...(environmentVariables ? { environmentVariables } : {}) },
        () => {
          throw new Error('a broken listener');
        },
      );
      expect(result).toMatchObject({ success: true, output: 'Unimpressed.' });
      expect(simple.isRunning()).toBe(false);
      expect(await simple.getStatus(result.sessionId)).toMatchObject({ status: 'completed' });
    });

    test('health is ready and names what it found', async () => {
      expect(await executor.health()).toMatchObject({ state: 'ready', detail: expect.stringMatching(/\S/) });
    });

    /** How an executor that cannot work says so: by refusing to start, or by a run that fails. */
    async function failureOf(broken: TaskExecutor): Promise<{ readonly class: string; readonly message: string } | undefined> {
      try {
        const ref = await broken.start(await request({ kind: 'answer', text: 'Not reached.' }), newKey());
        for await (const event of broken.attach(ref)) if (event.type === 'complete') return event.result.failure;
      } catch (error) {
        if (error instanceof FailureError) return error.failure;
        throw error;
      }
      return undefined;
    }

    test('a missing binary, a missing login and a dead API are told apart', async () => {
      const { missingBinary, missingLogin, deadApi } = harness.broken;
      const messages = new Set<string>();
      for (const [kind, broken] of [
        ['missing_binary', missingBinary],
        ['auth', missingLogin],
        ['network', deadApi],
      ] as const) {
        if (!broken) continue;
        const failure = await failureOf(broken);
        expect(failure?.class).toBe(kind);
        messages.add(failure?.message ?? '');
        if (kind !== 'network') expect(await broken.health()).toMatchObject({ state: 'unavailable', failure: { class: kind } });
      }
      expect(messages.size).toBe([missingBinary, missingLogin, deadApi].filter(Boolean).length);
      expect(messages.has('')).toBe(false);
    });
  });
}
