import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ScriptedScenario } from 'cyrus-custom-executor/scripted-agent';
import type { ExecutionEvent, TaskExecutor } from 'cyrus-executor-interface/executor';
import type { Database } from 'cyrus-store/pool';
import { type TestDatabase, testDatabase } from 'cyrus-store/testing/database';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createAgentRunner } from '../src/jobs/agent.ts';
import { createRedact } from '../src/supervisor/redact.ts';
import type { Supervisor } from '../src/supervisor/supervisor.ts';
import { agentJob, scriptedExecutors } from './support/agents.ts';
import { expectBubblewrap, sandboxes } from './support/hosts.ts';
import { jobsFor } from './support/jobs.ts';
import { processesWith } from './support/processes.ts';
import { makeRepository, type TestRepository } from './support/repository.ts';
import { attemptOf, inputsOf, insertJob, insertPlan, jobOf, requestStop } from './support/rows.ts';
import { supervisorFor, temporary, unique } from './support/supervisor.ts';
import { until } from './support/until.ts';

const attempt = attemptOf('plan');
let database: TestDatabase;
let db: Database;
let home: Awaited<ReturnType<typeof temporary>>;
let supervisor: Supervisor;

beforeEach(async () => {
  [database, home] = await Promise.all([testDatabase(), temporary()]);
  db = database.db;
  await insertPlan(db);
});
afterEach(async () => {
  await supervisor?.close();
  await database.stop();
  await home.remove();
});

const ends = (id: string, state: string) => until(`${id} is ${state}`, async () => (await jobOf(db, id)).state === state);
const events = async (): Promise<readonly { type: string; seq: number; payload: Record<string, unknown> }[]> =>
  (
    await db.query<{ type: string; seq: number; payload: Record<string, unknown> }>(
      'select type, attempt_seq as seq, payload from cyrus.event where attempt_id = $1 order by attempt_seq',
      [attempt],
    )
  ).rows;
const spools = (): Promise<string[]> => readdir(join(home.path, 'home/logs/attempts')).catch(() => []);

expectBubblewrap();
describe.each(sandboxes)('an agent %s', (_name, sandbox) => {
  let work: TestRepository;
  let runPrefix: string;

  beforeEach(async () => {
    runPrefix = `test-${unique()}-`;
    work = await makeRepository(join(home.path, 'work'), { 'README.md': 'x' });
    const executors = scriptedExecutors(sandbox, runPrefix);
    const shown = join(home.path, 'shown');
    await mkdir(shown);
    await writeFile(join(shown, 'ready'), '');
    const config = { sandbox: { readable: [shown] } };
    const { runners } = await jobsFor({ home: join(home.path, 'home'), db, sandbox, executors, runPrefix, config });
    supervisor = supervisorFor(db, join(home.path, 'home'), { runners, sandbox, runPrefix });
    await supervisor.start();
  });

  async function insertAgent(scenario: ScriptedScenario, id = 'agent'): Promise<void> {
    const payload = agentJob({
      scenario,
      workingDirectory: work.path,
      conversationDirectory: join(home.path, 'conversation'),
      attemptId: attempt,
    });
    await insertJob(db, { id, kind: 'agent', payload });
  }

  test('reads the paths that the configuration shows to agents', async () => {
    await insertAgent({ untilFile: '../shown/ready', file: null });
    await ends('agent', 'done');
  });

  test('works to its end: events in order, the charge, what the attempt is told, and no file left', async () => {
    await insertAgent({ file: 'NEW.md', content: 'new\n', text: 'All done.' });
    await ends('agent', 'done');
    expect((await jobOf(db, 'agent')).result).toMatchObject({ result: { state: 'succeeded', output: 'All done.' }, lastDelivered: 0 });
    const stored = await events();
    expect(stored.map(({ seq }) => seq)).toEqual(stored.map((_event, index) => index + 1));
    expect(stored.map(({ type }) => type)).toEqual(['tool-use', 'tool-result', 'usage', 'message', 'complete']);
    expect(stored[0]?.payload).toEqual({ tool: 'Write', input: { file: 'NEW.md' } });
    const { rows: charges } = await db.query('select seq, model, cost, trust from cyrus.charge');
    expect(charges).toEqual([{ seq: 3, model: 'scripted', cost: 1000, trust: 'agent' }]);
    const [started, end] = await inputsOf(db);
    expect(started).toMatchObject({
      kind: 'job_started',
      entity: `attempt:${attempt}`,
      payload: { jobId: 'agent', runRef: { executorId: 'scripted', runId: `${runPrefix}${attempt}.1` } },
    });
    expect(end).toMatchObject({ kind: 'job', payload: { state: 'done' } });
    expect(await spools()).toEqual([]);
    expect(await work.git('show', 'HEAD:NEW.md')).toBe('new');
  });

  test('a failing one ends its job all the same, with the failure in its result', async () => {
    await insertAgent({ file: null, fail: 'agent_failed', text: 'I cannot.' });
    await ends('agent', 'done');
    expect((await jobOf(db, 'agent')).result).toMatchObject({ result: { state: 'failed', failure: { class: 'agent_failed' } } });
  });

  test('is told what people say meanwhile, in order and once, and reports what it read', async () => {
    await insertAgent({ endless: true, heartbeatMs: 30 });
    await until('it runs', async () => (await inputsOf(db, 'job_started')).length === 1);
    await db.query(`insert into cyrus.job_message (job_id, n, body) values ('agent', 1, 'First.'), ('agent', 2, 'Second.')`);
    await until('both are read', async () => (await inputsOf(db, 'delivered')).some(({ payload }) => payload['n'] === 2));
    await db.query(`insert into cyrus.job_message (job_id, n, body) values ('agent', 3, 'Third.')`);
    await until('all are read', async () => (await inputsOf(db, 'delivered')).some(({ payload }) => payload['n'] === 3));
    const { rows } = await db.query<{ n: number; outcome: string; read: boolean }>(
      'select n, outcome, delivered_at is not null as read from cyrus.job_message order by n',
    );
    expect(rows).toEqual([1, 2, 3].map((n) => ({ n, outcome: 'steered', read: true })));
    expect(await work.git('log', '--reverse', '--format=%s')).toBe('First\nMessage 1\nMessage 2\nMessage 3');
    const told = (await inputsOf(db, 'delivered')).map(({ payload }) => payload['n'] as number);
    expect(told).toEqual([...new Set(told)].sort());
    await requestStop(db);
    await ends('agent', 'killed');
    expect((await jobOf(db, 'agent')).result).toMatchObject({ lastDelivered: 3 });
  });

  test('a message that comes with the stop has an outcome', async () => {
    await insertAgent({ endless: true });
    await until('it runs', async () => (await inputsOf(db, 'job_started')).length === 1);
    await requestStop(db);
    await db.query(`insert into cyrus.job_message (job_id, n, body) values ('agent', 7, 'Hello?')`);
    await ends('agent', 'killed');
    const { rows } = await db.query<{ outcome: string | null }>('select outcome from cyrus.job_message');
    expect(rows[0]?.outcome).toMatch(/^(?:steered|too_late)$/);
  });

  test('a stop ends it with its whole process tree at once', async () => {
    await insertAgent({ untilFile: 'never' });
    await until('its command runs', async () => (await events()).some(({ type }) => type === 'tool-use'));
    await until('the processes are there', async () => (await processesWith(`${runPrefix}${attempt}`)).length > 0);
    const at = Date.now();
    await requestStop(db);
    await ends('agent', 'killed');
    expect(Date.now() - at).toBeLessThan(2_500);
    expect(await processesWith(`${runPrefix}${attempt}`)).toEqual([]);
    expect((await inputsOf(db, 'job')).map(({ payload }) => payload['state'])).toEqual(['killed']);
  });

  test('draining gives it time and then ends it as lost, to be resumed', async () => {
    await insertAgent({ endless: true, heartbeatMs: 20 });
    await until('it runs', async () => (await inputsOf(db, 'job_started')).length === 1);
    await supervisor.drain(300);
    expect(await jobOf(db, 'agent')).toMatchObject({ state: 'lost', failure: { class: 'sandbox_lost' } });
    expect(await processesWith(`${runPrefix}${attempt}`)).toEqual([]);
  });
});

describe('an executor in this process', () => {
  /** Plays events and hands control of its end to the test. */
  function playing(play: (push: (event: ExecutionEvent) => void) => Promise<void>, more: Partial<TaskExecutor> = {}): TaskExecutor {
    const queue: ExecutionEvent[] = [];
    let wake: () => void = () => undefined;
    let over = false;
    const push = (event: ExecutionEvent): void => {
      queue.push(event);
      wake();
    };
    return {
      id: 'scripted',
      kind: 'local',
      capabilities: {} as TaskExecutor['capabilities'],
      async start() {
        void play(push).finally(() => {
          over = true;
          wake();
        });
        return { executorId: 'scripted', runId: 'run' };
      },
      find: async () => undefined,
      async *attach() {
        for (;;) {
          const event = queue.shift();
          if (event) yield event;
          else if (over) return;
          else
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
        }
      },
      getStatus: async () => ({ state: 'unknown', rawState: '' }),
      stop: async () => {
        push({ type: 'complete', result: { state: 'cancelled', output: '' } });
        return 'confirmed';
      },
      health: async () => ({ state: 'ready', detail: '' }),
      ...more,
    };
  }

  async function start(executor: TaskExecutor, options: { secrets?: string[]; spoolBytes?: number } = {}): Promise<void> {
    const redact = createRedact(options.secrets ?? []);
    const agent = createAgentRunner({
      db,
      redact,
      executors: new Map([['scripted', executor]]),
      spoolDirectory: join(home.path, 'home/logs/attempts'),
      environment: async () => ({}),
      ...(options.spoolBytes === undefined ? {} : { spoolBytes: options.spoolBytes }),
    });
    supervisor = supervisorFor(db, join(home.path, 'home'), { runners: { agent }, redact });
    await supervisor.start();
    await mkdir(join(home.path, 'w'), { recursive: true });
    const payload = agentJob({
      scenario: {},
      workingDirectory: join(home.path, 'w'),
      conversationDirectory: join(home.path, 'c'),
      attemptId: attempt,
    });
    await insertJob(db, { id: 'agent', kind: 'agent', payload });
  }
  const done = { type: 'complete', result: { state: 'succeeded', output: 'ok' } } as const;

  test('secrets, NULs and long texts never reach the database', async () => {
    const secret = 'correct-horse-battery';
    await start(
      playing(async (push) => {
        push({ type: 'message', content: `the key is ${secret} and ghp_${'a'.repeat(36)}, NUL \u0000 half \ud800` });
        push({
          type: 'tool-use',
          tool: 'Bash',
          input: { command: `curl -H "Authorization: Bearer ${'t'.repeat(30)}"`, deep: [{ [secret]: secret }] },
        });
        push({ type: 'tool-result', output: 'é'.repeat(50_000), isError: false });
        push({ type: 'tool-use', tool: 'Write', input: Array.from({ length: 50 }, () => 'y'.repeat(10_000)) });
        push({ type: 'complete', result: { state: 'succeeded', output: `bye ${secret}` } });
      }),
      { secrets: [secret] },
    );
    await ends('agent', 'done');
    const stored = await events();
    const text = JSON.stringify([stored, await jobOf(db, 'agent'), await inputsOf(db)]);
    expect(text).not.toContain(secret);
    expect(text).not.toContain('ghp_aaaa');
    expect(text).not.toContain('tttttt');
    expect(stored[0]?.payload['content']).toBe('the key is [redacted] and [redacted], NUL \ufffd half \ufffd');
    const cut = stored[2]?.payload['output'] as string;
    expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(16 * 1024);
    expect(cut).toMatch(/^é+ … \[\d+ bytes cut\]$/);
    expect(stored[3]).toMatchObject({ type: 'tool-use', payload: { truncated: true } });
    expect((await jobOf(db, 'agent')).result).toMatchObject({ result: { output: 'bye [redacted]' } });
  });

  test('an agent that cannot be started fails its job with the reason', async () => {
    await start(
      playing(async () => undefined, {
        start: async () => {
          throw new Error('no fork today');
        },
      }),
    );
    await ends('agent', 'failed');
    expect((await jobOf(db, 'agent')).failure?.message).toContain('no fork today');
  });

  test('an end without a word is a lost sandbox, and what was asked is kept', async () => {
    await start(playing(async (push) => push({ type: 'needs-input', question: 'Which one?', options: ['a', 'b'] })));
    await ends('agent', 'failed');
    expect(await jobOf(db, 'agent')).toMatchObject({
      failure: { class: 'sandbox_lost' },
      result: { question: { question: 'Which one?', options: ['a', 'b'] } },
    });
  });

  test('an agent that takes no messages: every one is too late', async () => {
    let finish: () => void = () => undefined;
    await start(
      playing(async (push) => {
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
        push(done);
      }),
    );
    await until('it runs', async () => (await inputsOf(db, 'job_started')).length === 1);
    await db.query(`insert into cyrus.job_message (job_id, n, body) values ('agent', 1, 'Hello?')`);
    await until(
      'it has an outcome',
      async () => (await db.query(`select from cyrus.job_message where outcome = 'too_late'`)).rowCount === 1,
    );
    finish();
    await ends('agent', 'done');
  });

  test('a stop while it starts ends it as soon as it has started', async () => {
    const stopped: string[] = [];
    let begin: (() => void) | undefined;
    await start(
      playing(async () => undefined, {
        start: () =>
          new Promise((resolve) => {
            begin = () => resolve({ executorId: 'scripted', runId: 'late' });
          }),
        stop: async (ref) => {
          stopped.push(ref.runId);
          return 'confirmed';
        },
        async *attach() {
          yield { type: 'complete', result: { state: 'cancelled', output: '' } };
        },
      }),
    );
    await until('it starts', () => begin !== undefined);
    await requestStop(db);
    const stopping = supervisor.stopPlan('plan');
    begin?.();
    await stopping;
    await ends('agent', 'killed');
    expect(stopped).toEqual(['late']);
  });

  test('beyond its share of the disk only what counts is kept', async () => {
    await start(
      playing(async (push) => {
        for (let n = 0; n < 60; n++) push({ type: 'message', content: `${n} ${'z'.repeat(1_000)}` });
        const tokens = { inputTokens: 1, outputTokens: 1, cacheReadTokens: 0, cacheWriteTokens: 0 };
        push({ type: 'usage', usage: { model: 'm', ...tokens, trust: 'agent' } });
        push(done);
      }),
      { spoolBytes: 20_000 },
    );
    await ends('agent', 'done');
    const types = (await events()).map(({ type }) => type);
    expect(types.length).toBeLessThan(40);
    expect(types.slice(-2)).toEqual(['usage', 'complete']);
    expect((await db.query('select cost from cyrus.charge')).rows).toEqual([{ cost: null }]);
  });
});
