import { systemClock } from 'cyrus-core/clock';
import { FailureError } from 'cyrus-core/failure';
import { ConnectionLost } from 'cyrus-store/connection-lost';
import { type Database, openDatabase } from 'cyrus-store/pool';
import { type TestDatabase, testDatabase } from 'cyrus-store/testing/database';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { JobContext, JobOutcome, JobRunner } from '../src/supervisor/job-runner.ts';
import type { Supervisor } from '../src/supervisor/supervisor.ts';
import { inputsOf, insertJob, insertPlan, jobOf, requestStop } from './support/rows.ts';
import { memoryLog, supervisorFor, temporary } from './support/supervisor.ts';
import { until } from './support/until.ts';

let database: TestDatabase;
let home: Awaited<ReturnType<typeof temporary>>;
const supervisors: Supervisor[] = [];

beforeEach(async () => {
  database = await testDatabase();
  home = await temporary();
  await insertPlan(database.db);
});
afterEach(async () => {
  await Promise.all(supervisors.splice(0).map((supervisor) => supervisor.close()));
  await database.stop();
  await home.remove();
});

async function started(options: Parameters<typeof supervisorFor>[2]): Promise<Supervisor> {
  const supervisor = supervisorFor(database.db, home.path, options);
  supervisors.push(supervisor);
  await supervisor.start();
  return supervisor;
}

/** Runs until it is aborted, and tells of it. */
function endless(): { readonly runner: JobRunner; readonly begun: string[]; readonly ended: string[] } {
  const begun: string[] = [];
  const ended: string[] = [];
  return {
    begun,
    ended,
    runner: async (job, { signal }) => {
      begun.push(job.id);
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      ended.push(`${job.id} ${signal.reason}`);
      return { failure: { class: 'sandbox_lost', message: 'cut off' }, result: { soFar: 1 } };
    },
  };
}

const ends = (id: string, state: string) => until(`${id} is ${state}`, async () => (await jobOf(database.db, id)).state === state);

test('a job runs, its result is stored, and its entity is told and woken once', async () => {
  await started({ runners: { merge: async (job) => ({ result: { sha: job.payload['sha'], text: 'a\u0000b\ud800' } }) } });
  await insertJob(database.db, { id: 'j', kind: 'merge', payload: { sha: 'abc' } });
  await ends('j', 'done');
  const result = { sha: 'abc', text: 'a\ufffdb\ufffd' };
  expect((await jobOf(database.db, 'j')).result).toEqual(result);
  expect(await inputsOf(database.db)).toEqual([
    { entity: 'attempt:plan-attempt-1', kind: 'job', payload: { jobId: 'j', kind: 'merge', state: 'done', result, failure: null } },
  ]);
  const { rows } = await database.db.query('select id from cyrus.due');
  expect(rows).toEqual([{ id: 'attempt:plan-attempt-1' }]);
});

test('an expected failure is kept as it is, an unforeseen one made clear and logged with its cause', async () => {
  const { log, lines } = memoryLog();
  const runners: Record<string, JobRunner> = {
    issue: async () => {
      throw new FailureError({ class: 'auth', message: 'The token is refused.' });
    },
    merge: async () => {
      throw new Error('ENOSPC: no space left\nmore', { cause: new Error('the disk') });
    },
    collect: async () => ({ failure: { class: 'no_evidence', message: 'nothing there' } }),
  };
  await started({ runners, log });
  for (const kind of ['issue', 'merge', 'collect', 'verify'] as const) await insertJob(database.db, { id: kind, kind });
  for (const kind of ['issue', 'merge', 'collect', 'verify']) await ends(kind, 'failed');
  expect((await jobOf(database.db, 'issue')).failure).toEqual({ class: 'auth', message: 'The token is refused.' });
  expect((await jobOf(database.db, 'collect')).failure).toEqual({ class: 'no_evidence', message: 'nothing there' });
  expect((await jobOf(database.db, 'merge')).failure?.message).toBe('The merge job broke unexpectedly: ENOSPC: no space left');
  expect((await jobOf(database.db, 'verify')).failure?.message).toContain('nothing on this host does jobs of the kind verify');
  expect(lines.join('\n')).toContain('the disk');
  expect(lines.join('\n')).not.toContain('The token is refused');
});

test('a job that needs the database while it is away is lost, to be done again, and not failed', async () => {
  const { connection } = database.db;
  const elsewhere = openDatabase({ connection: { ...connection, host: '/nowhere' }, clock: systemClock, applicationName: 'away' });
  await started({ runners: { verify: async () => ({ result: (await elsewhere.query('select 1')).rows[0] ?? {} }) } });
  await insertJob(database.db, { id: 'j', kind: 'verify' });
  await ends('j', 'lost');
  expect((await jobOf(database.db, 'j')).failure).toEqual({ class: 'sandbox_lost', message: 'The database went away while this ran.' });
  expect((await inputsOf(database.db)).map(({ payload }) => payload['state'])).toEqual(['lost']);
  await elsewhere.close();
});

test.each(['prepare', 'collect', 'verify', 'merge', 'cleanup'] as const)(
  'a %s whose git was killed is lost, to be done again',
  async (kind) => {
    const failure = { class: 'sandbox_lost', message: 'Could not compare the commits: git was killed.' } as const;
    const runner: JobRunner = async () => {
      throw new FailureError(failure);
    };
    await started({ runners: { [kind]: runner } });
    await insertJob(database.db, { id: 'j', kind });
    await ends('j', 'lost');
    expect((await jobOf(database.db, 'j')).failure).toEqual(failure);
  },
);

test.each(['issue', 'prepare', 'setup', 'agent', 'collect', 'verify', 'merge'] as const)(
  'a stop kills a running and a queued %s job',
  async (kind) => {
    const { runner, begun, ended } = endless();
    await started({ runners: { [kind]: runner }, limits: { [kind]: 1 } });
    await insertJob(database.db, { id: 'a', kind });
    await until('it runs', () => begun.length === 1);
    await insertJob(database.db, { id: 'b', kind });
    const at = Date.now();
    await requestStop(database.db);
    await ends('a', 'killed');
    await ends('b', 'killed');
    expect(Date.now() - at).toBeLessThan(2_000);
    expect(begun).toEqual(['a']);
    expect(ended).toEqual(['a stopped']);
    expect((await jobOf(database.db, 'a')).result).toEqual({ soFar: 1 });
    const told = (await inputsOf(database.db, 'job')).map((input) => [input.payload['jobId'], input.payload['state']]).sort();
    expect(told).toEqual([
      ['a', 'killed'],
      ['b', 'killed'],
    ]);
    await insertJob(database.db, { id: 'c', kind });
    await ends('c', 'killed');
  },
);

test('a stop leaves cleanup and other plans alone', async () => {
  const { runner, begun } = endless();
  await insertPlan(database.db, 'other');
  await started({ runners: { agent: runner, cleanup: async () => ({ result: {} }) } });
  await insertJob(database.db, { id: 'other', kind: 'agent', plan: 'other' });
  await until('it runs', () => begun.length === 1);
  await requestStop(database.db);
  await insertJob(database.db, { id: 'cleanup', kind: 'cleanup' });
  await ends('cleanup', 'done');
  expect((await jobOf(database.db, 'other')).state).toBe('running');
});

test('stopPlan ends jobs without waiting for the poll', async () => {
  const { runner, begun } = endless();
  const supervisor = await started({ runners: { agent: runner }, pollMs: 60_000 });
  await insertJob(database.db, { id: 'a', kind: 'agent' });
  supervisor.wake();
  await until('it runs', () => begun.length === 1);
  await requestStop(database.db);
  await supervisor.stopPlan('plan');
  expect((await jobOf(database.db, 'a')).state).toBe('killed');
});

test('NOTIFY host is heard', async () => {
  await started({ runners: { merge: async () => ({ result: {} }) }, pollMs: 60_000 });
  await insertJob(database.db, { id: 'a', kind: 'merge' });
  await database.db.query(`select pg_notify('host', '')`);
  await ends('a', 'done');
});

test('a job that finishes as the stop comes has one end and one input', async () => {
  for (let round = 0; round < 12; round++) {
    const plan = `race${round}`;
    await insertPlan(database.db, plan);
    let finish: (outcome: JobOutcome) => void = () => undefined;
    const supervisor = await started({
      runners: {
        merge: () =>
          new Promise((resolve) => {
            finish = resolve;
          }),
      },
      pollMs: 10,
    });
    await insertJob(database.db, { id: plan, kind: 'merge', plan });
    await until('it runs', () => supervisor.running().length === 1);
    const stop = requestStop(database.db, plan);
    if (round % 2 === 0) await stop;
    finish({ result: { sha: 'x' } });
    await Promise.all([stop, supervisor.stopPlan(plan)]);
    await until('it has ended', async () => ['done', 'killed'].includes((await jobOf(database.db, plan)).state));
    const { state } = await jobOf(database.db, plan);
    if (round % 2 === 0) expect(state).toBe('killed');
    const told = (await inputsOf(database.db, 'job')).filter((input) => input.payload['jobId'] === plan);
    expect(told.map((input) => input.payload['state'])).toEqual([state]);
    await supervisor.close();
  }
});

test('at most as many of a kind run as allowed, in the order they came', async () => {
  const begun: string[] = [];
  const waiting: (() => void)[] = [];
  const runner: JobRunner = async (job) => {
    begun.push(job.id);
    await new Promise<void>((resolve) => waiting.push(resolve));
    return { result: {} };
  };
  const supervisor = await started({ runners: { merge: runner, collect: async () => ({ result: {} }) }, limits: { merge: 2 } });
  for (const id of ['a', 'b', 'c', 'd', 'e']) await insertJob(database.db, { id, kind: 'merge' });
  await until('two run', () => begun.length === 2);
  await insertJob(database.db, { id: 'x', kind: 'collect' });
  await ends('x', 'done');
  expect(supervisor.running().length).toBe(2);
  while (begun.length < 5) {
    const before = begun.length;
    waiting.shift()?.();
    await until('the next', () => begun.length > before);
  }
  expect([...begun].sort()).toEqual(['a', 'b', 'c', 'd', 'e']);
  expect(begun.slice(0, 2).sort()).toEqual(['a', 'b']);
  for (const resolve of waiting) resolve();
});

test('a job that waits for what is elsewhere takes no place of its kind', async () => {
  const { runner, begun } = endless();
  await started({ runners: { collect: runner }, limits: { collect: 1 }, waits: ({ payload }) => payload['remote'] !== undefined });
  for (const id of ['a', 'b', 'c']) await insertJob(database.db, { id, kind: 'collect', payload: { remote: {} } });
  for (const id of ['x', 'y']) await insertJob(database.db, { id, kind: 'collect' });
  await until('all of them and one of the others run', () => begun.length === 4);
  expect([...begun].sort()).toEqual(['a', 'b', 'c', 'x']);
});

test('a job is not taken before its time', async () => {
  await started({ runners: { merge: async () => ({ result: {} }) }, pollMs: 20 });
  await insertJob(database.db, { id: 'later', kind: 'merge', notBefore: new Date(Date.now() + 3_600_000).toISOString() });
  await insertJob(database.db, { id: 'now', kind: 'merge', notBefore: new Date(Date.now() - 1_000).toISOString() });
  await ends('now', 'done');
  expect((await jobOf(database.db, 'later')).state).toBe('queued');
});

test('draining takes nothing new, lets running jobs end, and cuts off what takes too long', async () => {
  const { runner, begun, ended } = endless();
  let finish: () => void = () => undefined;
  const supervisor = await started({
    runners: {
      agent: runner,
      merge: () =>
        new Promise((resolve) => {
          finish = () => resolve({ result: { sha: 'x' } });
        }),
    },
  });
  await insertJob(database.db, { id: 'agent', kind: 'agent' });
  await insertJob(database.db, { id: 'merge', kind: 'merge' });
  await until('both run', () => supervisor.running().length === 2 && begun.length === 1);
  const drained = supervisor.drain(600);
  await until('it says so', async () => (await database.db.query('select 1 from cyrus.host where draining')).rowCount === 1);
  await insertJob(database.db, { id: 'late', kind: 'merge' });
  finish();
  await ends('merge', 'done');
  expect((await jobOf(database.db, 'agent')).state).toBe('running');
  await drained;
  expect(ended).toEqual(['agent shutdown']);
  expect(await jobOf(database.db, 'agent')).toMatchObject({ state: 'lost', result: { soFar: 1 }, failure: { class: 'sandbox_lost' } });
  expect((await jobOf(database.db, 'late')).state).toBe('queued');
});

test('close ends everything; the next start takes the queue up', async () => {
  const { runner, begun } = endless();
  const first = await started({ runners: { agent: runner } });
  await insertJob(database.db, { id: 'a', kind: 'agent' });
  await until('it runs', () => begun.length === 1);
  await first.close();
  expect((await jobOf(database.db, 'a')).state).toBe('lost');
  await insertJob(database.db, { id: 'b', kind: 'merge' });
  await started({ runners: { merge: async () => ({ result: {} }) } });
  await ends('b', 'done');
});

test('a job can tell its entity something on the way', async () => {
  const runner: JobRunner = async (job, context: JobContext) => {
    await context.tell('job_started', { jobId: job.id, runRef: { executorId: 'x', runId: 'y' } });
    return { result: {} };
  };
  await started({ runners: { agent: runner } });
  await insertJob(database.db, { id: 'a', kind: 'agent' });
  await ends('a', 'done');
  expect((await inputsOf(database.db)).map((input) => input.kind)).toEqual(['job_started', 'job']);
});

test('a job whose claim was stored and whose answer was lost begins all the same, once', async () => {
  const begun: string[] = [];
  const going = Promise.withResolvers<void>();
  let cuts = 2;
  const { db } = database;
  const cutting: Database = {
    ...db,
    async tx(work) {
      const result = await db.tx(work);
      const claimed = Array.isArray(result) && result.length > 0;
      if (!claimed || cuts-- <= 0) return result;
      throw new ConnectionLost(new Error('Connection terminated unexpectedly'));
    },
  };
  const supervisor = supervisorFor(cutting, home.path, {
    runners: {
      merge: async (job) => {
        begun.push(job.id);
        await going.promise;
        return { result: {} };
      },
    },
  });
  supervisors.push(supervisor);
  await supervisor.start();
  await insertJob(db, { id: 'first', kind: 'merge' });
  await until('it has begun', () => begun.length === 1);
  await insertJob(db, { id: 'second', kind: 'merge' });
  await until('the other has begun', () => begun.length === 2);
  going.resolve();
  await ends('first', 'done');
  await ends('second', 'done');
  expect(begun).toEqual(['first', 'second']);
});
