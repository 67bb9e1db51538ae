import { join } from 'node:path';
import { FailureError } from 'cyrus-core/failure';
import type { ExecutionRequest, TaskExecutor } from 'cyrus-executor-interface/executor';
import type { Database } from 'cyrus-store/pool';
import { type TestDatabase, testDatabase } from 'cyrus-store/testing/database';
import type { RunOrder } from 'cyrus-task-orchestrator/attempt-run';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createAgentRunner } from '../src/jobs/agent.ts';
import { createRedact } from '../src/supervisor/redact.ts';
import type { Supervisor } from '../src/supervisor/supervisor.ts';
import { Cloud } from './support/cloud.ts';
import { attemptOf, inputsOf, insertJob, insertPlan, jobOf, requestStop } from './support/rows.ts';
import { supervisorFor, temporary } from './support/supervisor.ts';
import { until } from './support/until.ts';

const attempt = attemptOf('plan');
const key = { attemptId: attempt, number: 1 };
let database: TestDatabase;
let db: Database;
let home: Awaited<ReturnType<typeof temporary>>;
let cloud: Cloud;
const supervisors: Supervisor[] = [];

beforeEach(async () => {
  [database, home] = await Promise.all([testDatabase(), temporary()]);
  db = database.db;
  cloud = new Cloud();
  await insertPlan(db);
});
afterEach(async () => {
  for (const supervisor of supervisors.splice(0)) await supervisor.close();
  await database.stop();
  await home.remove();
});

/** A process of the service; the one before it is gone by then. */
async function serve(more: Partial<TaskExecutor> | null = {}, spoolBytes?: number): Promise<Supervisor> {
  const executors = new Map(more === null ? [] : [['sky', cloud.executor(more)]]);
  const spoolDirectory = join(home.path, 'logs', 'attempts');
  const environment = async () => ({ SECRET: 'of the repository' });
  const kept = spoolBytes === undefined ? {} : { spoolBytes };
  const mcpServers = async () => ({ docs: { type: 'http', url: 'https://mcp.example.com' } });
  const agent = createAgentRunner({ mcpServers, executors, db, redact: createRedact([]), spoolDirectory, environment, ...kept });
  const supervisor = supervisorFor(db, home.path, { runners: { agent }, outlived: () => true });
  supervisors.push(supervisor);
  await supervisor.start();
  return supervisor;
}

const request: ExecutionRequest = {
  prompt: 'Do it.',
  conversation: { id: 'c', resume: false, directory: '' },
  workingDirectory: '',
  readable: [],
  timeoutMs: 60_000,
};
const start = (more: object = {}, id = 'agent'): Promise<void> =>
  insertJob(db, { id, kind: 'agent', payload: { executorId: 'sky', key, timeoutMs: 60_000, request, ...more } });
const order = (what: RunOrder, id = 'agent'): Promise<void> =>
  insertJob(db, { id, kind: 'agent', payload: { executorId: 'sky', key, timeoutMs: 60_000, order: what } });
const ends = (state: string, id = 'agent') => until(`${id} is ${state}`, async () => (await jobOf(db, id)).state === state);
const begun = () => until('the run is known', async () => (await inputsOf(db, 'job_started')).length > 0);
const stored = async (): Promise<readonly string[]> =>
  (
    await db.query<{ said: string }>(
      `select coalesce(payload ->> 'content', type) as said from cyrus.event where attempt_id = $1 order by attempt_seq`,
      [attempt],
    )
  ).rows.map(({ said }) => said);
const says = (content: string) => ({ type: 'message' as const, content });

test('a run is begun, followed to its end, and told of as any other', async () => {
  await serve();
  await start();
  await begun();
  cloud.tell(says('one'), { type: 'heartbeat' }, says('two'));
  await db.query(`insert into cyrus.job_message (job_id, n, body) values ('agent', 1, 'And this.')`);
  await until('the message is handed over', () => cloud.steered.length === 1);
  cloud.succeed('Did it.', { branch: 'sky/x' });
  await ends('done');
  expect(await stored()).toEqual(['one', 'two', 'complete']);
  expect((await jobOf(db, 'agent')).result).toMatchObject({ result: { state: 'succeeded', branch: 'sky/x' }, lastDelivered: 0 });
  expect((await inputsOf(db, 'job_started'))[0]?.payload).toMatchObject({
    runRef: { executorId: 'sky', runId: 'r1', url: 'https://sky/r1' },
  });
  const { rows } = await db.query<{ outcome: string }>('select outcome from cyrus.job_message');
  expect(rows).toEqual([{ outcome: 'queued' }]);
  expect(cloud.run.stopped).toBe(0);
});

test('nothing of this machine is given to it', async () => {
  const asked: ExecutionRequest[] = [];
  const ref = { executorId: 'sky', runId: 'r1' };
  await serve({
    start: async (wanted) => {
      asked.push(wanted);
      return ref;
    },
    async *attach() {
      yield { type: 'complete', result: { state: 'succeeded', output: '' } };
    },
  });
  await start();
  await ends('done');
  expect(asked).toEqual([request]);
});

test('a run outlives the service: the next one goes on from the events that are stored, and stops nothing', async () => {
  const first = await serve();
  await start();
  await begun();
  cloud.tell(says('one'), says('two'));
  await until('both are stored', async () => (await stored()).length === 2);
  // Far longer than a test may take: the run is not waited for.
  await first.drain(3_600_000);
  expect(await jobOf(db, 'agent')).toMatchObject({ state: 'lost' });
  await first.close();
  expect(cloud.run.stopped).toBe(0);

  cloud.tell(says('three'));
  await serve();
  await order({ do: 'attach', ref: cloud.run.ref, deadline: Date.now() + 60_000 }, 'next');
  cloud.succeed();
  await ends('done', 'next');
  expect(cloud.cursors).toEqual(['0', '2']);
  expect(await stored()).toEqual(['one', 'two', 'three', 'complete']);
  expect(cloud.runs).toHaveLength(1);
});

test('what was said too much is not kept, and is not read again: the use told behind it is charged once', async () => {
  const use = (seq: number) => ({
    type: 'usage' as const,
    usage: {
      ...{ model: 'sky-1', inputTokens: seq, outputTokens: 1, cacheReadTokens: 0, cacheWriteTokens: 0 },
      ...{ cost: 1_000, trust: 'provider' as const },
    },
  });
  const first = await serve({}, 1);
  await start();
  await begun();
  // The first of it fills the file, the rest of the talk is dropped.
  cloud.tell(says('one'));
  await until('the file is full', async () => (await stored()).length === 1);
  cloud.tell(says('two'), says('three'), use(1), says('four'), use(2));
  await until('both uses are stored', async () => (await db.query('select from cyrus.charge')).rowCount === 2);
  await first.close();

  await serve({}, 1);
  await order({ do: 'attach', ref: cloud.run.ref, deadline: Date.now() + 60_000 }, 'next');
  cloud.succeed();
  await ends('done', 'next');
  expect(cloud.cursors).toEqual(['0', '6']);
  expect(await stored()).toEqual(['one', 'usage', 'usage', 'complete']);
  const { rows } = await db.query<{ inputTokens: number }>('select input_tokens as "inputTokens" from cyrus.charge order by id');
  expect(rows).toEqual([{ inputTokens: 1 }, { inputTokens: 2 }]);
});

test('an end that is stored is not waited for again', async () => {
  await serve();
  await start();
  await begun();
  cloud.tell({ type: 'needs-input', question: 'Which port?' });
  cloud.succeed('Asked.');
  await ends('done');
  await order({ do: 'attach', ref: cloud.run.ref, deadline: Date.now() + 60_000 }, 'next');
  await ends('done', 'next');
  expect((await jobOf(db, 'next')).result).toMatchObject({ result: { output: 'Asked.' }, question: { question: 'Which port?' } });
  expect(cloud.cursors).toEqual(['0']);
});

test('a connection that breaks is no end', async () => {
  cloud.breakAfter = [1, 1];
  await serve();
  await start();
  await begun();
  cloud.tell(says('one'), says('two'), says('three'));
  cloud.succeed();
  await ends('done');
  expect(cloud.cursors).toEqual(['0', '1', '2']);
  expect(await stored()).toEqual(['one', 'two', 'three', 'complete']);
});

test.each([['confirmed'], ['requested'], ['unsupported']] as const)(
  'a stop asks for the end, and tells what became of that: %s',
  async (answer) => {
    cloud.stopAnswer = answer;
    await serve();
    await start();
    await begun();
    await requestStop(db);
    await ends('killed');
    expect(cloud.run.stopped).toBe(1);
    expect((await jobOf(db, 'agent')).result).toMatchObject({ stop: answer, result: null });
  },
);

test('a stop that was only asked for is confirmed by the end that follows it', async () => {
  cloud.stopAnswer = 'requested';
  const of = cloud.executor();
  await serve({
    async stop(ref) {
      const answer = await of.stop(ref);
      cloud.tell({ type: 'complete', result: { state: 'cancelled', output: '' } });
      return answer;
    },
  });
  await start();
  await begun();
  await requestStop(db);
  await ends('killed');
  expect((await jobOf(db, 'agent')).result).toMatchObject({ stop: 'confirmed' });
});

test('a stop in the middle of a start stops what begins, if that is known soon', async () => {
  const hold = Promise.withResolvers<void>();
  cloud.onStart = async (begin) => {
    await hold.promise;
    return begin();
  };
  await serve();
  await start();
  await until('it starts', async () => (await jobOf(db, 'agent')).state === 'running');
  await requestStop(db);
  hold.resolve();
  await ends('killed');
  expect(cloud.runs.map(({ stopped }) => stopped)).toEqual([1]);
});

test('a stop does not wait for a start without an answer, and says nothing of a run', async () => {
  cloud.onStart = () => new Promise(() => undefined);
  await serve();
  await start();
  await until('it starts', async () => (await jobOf(db, 'agent')).state === 'running');
  await requestStop(db);
  await ends('killed');
  expect((await jobOf(db, 'agent')).result).toBeNull();
});

test('a run past its deadline is stopped, and fails for that', async () => {
  cloud.stopAnswer = 'requested';
  await serve();
  await start();
  await begun();
  await order({ do: 'attach', ref: cloud.run.ref, deadline: Date.now() - 60_000 }, 'late');
  await ends('done', 'late');
  expect((await jobOf(db, 'late')).result).toMatchObject({
    stop: 'requested',
    result: {
      state: 'failed',
      failure: { class: 'timeout', message: expect.stringContaining('has not confirmed that. See https://sky/r1') },
    },
  });
  cloud.succeed();
});

test('a start without an answer is told as that', async () => {
  cloud.onStart = async () => {
    throw new FailureError({ class: 'network', message: 'No answer.', ambiguous: true });
  };
  await serve();
  await start();
  await ends('failed');
  expect((await jobOf(db, 'agent')).failure).toMatchObject({ class: 'network', ambiguous: true });
});

test('a run that appears late is found and followed; one that does not is given up', async () => {
  await serve();
  cloud.onStart = async (begin) => begin(1_500);
  await start();
  await begun();
  await order({ do: 'find', until: Date.now() + 200_000 }, 'find');
  await until('it is found', async () => (await inputsOf(db, 'job_started')).length === 2);
  cloud.succeed();
  await ends('done', 'find');
  await insertJob(db, {
    id: 'vain',
    kind: 'agent',
    payload: { executorId: 'sky', key: { ...key, number: 9 }, timeoutMs: 1, order: { do: 'find', until: Date.now() + 300 } },
  });
  await ends('failed', 'vain');
  expect((await jobOf(db, 'vain')).failure).toMatchObject({ class: 'network', ambiguous: true });
});

test('an executor that knows its keys is asked again', async () => {
  let calls = 0;
  cloud.onStart = async (begin) => {
    calls += 1;
    if (calls < 3) throw new FailureError({ class: 'network', message: 'No answer.', ambiguous: true });
    return begin();
  };
  await serve();
  await start({ order: { do: 'insist', until: Date.now() + 200_000 } });
  await begun();
  cloud.succeed();
  await ends('done');
  expect(calls).toBe(3);
});

test('a late run is caught and stopped; the hunt for none ends', async () => {
  await serve();
  cloud.onStart = async (begin) => begin(1_000);
  const hunter = cloud.executor();
  await hunter.start(request, key);
  await order({ do: 'hunt', until: Date.now() + 200_000 });
  await ends('done');
  expect((await jobOf(db, 'agent')).result).toMatchObject({ caught: { runId: 'r1' }, stop: 'confirmed' });
  expect(cloud.run.stopped).toBe(1);
  await insertJob(db, {
    id: 'none',
    kind: 'agent',
    payload: { executorId: 'sky', key: { ...key, number: 9 }, order: { do: 'hunt', until: Date.now() + 300 } },
  });
  await ends('done', 'none');
  expect((await jobOf(db, 'none')).result).toEqual({});
});

test('a late run that was only asked to stop, and has ended, is stopped', async () => {
  cloud.stopAnswer = 'requested';
  cloud.status = { state: 'cancelled', rawState: 'CANCELLED' };
  await cloud.executor().start(request, key);
  await serve();
  await order({ do: 'hunt', until: Date.now() + 60_000 });
  await ends('done');
  expect((await jobOf(db, 'agent')).result).toMatchObject({ caught: { runId: 'r1' }, stop: 'confirmed' });
});

test('a run whose executor is not there is stopped when it is back', async () => {
  await cloud.executor().start(request, key);
  const without = await serve(null);
  const until_ = Date.now() + 3_600_000;
  await order({ do: 'hunt', until: until_, ref: cloud.run.ref });
  await until('it waits', async () => (await jobOf(db, 'agent')).state === 'running');
  await without.drain(60_000);
  expect(await jobOf(db, 'agent')).toMatchObject({ state: 'lost' });
  await without.close();
  expect(cloud.run.stopped).toBe(0);
  await serve();
  await order({ do: 'hunt', until: until_, ref: cloud.run.ref }, 'next');
  await ends('done', 'next');
  expect((await jobOf(db, 'next')).result).toMatchObject({ caught: { runId: 'r1' }, stop: 'confirmed' });
});

test.each([true, false])('MCP servers leave this machine only for an executor that takes them (%s)', async (perRunMcp) => {
  const plain = cloud.executor();
  const asked: ExecutionRequest[] = [];
  const takes: TaskExecutor['start'] = (got, forKey) => {
    asked.push(got);
    return plain.start(got, forKey);
  };
  await serve({ capabilities: { ...plain.capabilities, perRunMcp }, start: takes });
  await start();
  await begun();
  cloud.succeed();
  await ends('done');
  expect(asked.map(({ mcpConfig }) => mcpConfig)).toEqual([
    perRunMcp ? { mcpServers: { docs: { type: 'http', url: 'https://mcp.example.com' } } } : undefined,
  ]);
});
