import { type ChildProcess, spawn } from 'node:child_process';
import { appendFile, mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { systemClock } from 'cyrus-core/clock';
import type { ScriptedScenario } from 'cyrus-custom-executor/scripted-agent';
import { migrate } from 'cyrus-store/migrate';
import { type Database, openDatabase } from 'cyrus-store/pool';
import { startTestServer, type TestDatabase, testDatabase } from 'cyrus-store/testing/database';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HostTaken } from '../src/supervisor/host-claim.ts';
import { openSpool, type SpoolLine } from '../src/supervisor/spool.ts';
import type { Supervisor } from '../src/supervisor/supervisor.ts';
import { agentJob, scriptedExecutors } from './support/agents.ts';
import { bestSandbox, expectBubblewrap } from './support/hosts.ts';
import { jobsFor } from './support/jobs.ts';
import { processesWith } from './support/processes.ts';
import { makeRepository } from './support/repository.ts';
import { attemptOf, inputsOf, insertJob, insertPlan, jobOf } from './support/rows.ts';
import { supervisorFor, temporary, unique } from './support/supervisor.ts';
import { until } from './support/until.ts';

const spooling = { clock: systemClock, givenUp: new AbortController().signal };

const attempt = attemptOf('plan');
const service = fileURLToPath(new URL('./support/service.ts', import.meta.url));
let home: Awaited<ReturnType<typeof temporary>>;
const supervisors: Supervisor[] = [];
const children: ChildProcess[] = [];

beforeEach(async () => {
  home = await temporary();
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await Promise.all(supervisors.splice(0).map((supervisor) => supervisor.close()));
  await home.remove();
});

const spoolDirectory = (): string => join(home.path, 'home/logs/attempts');
const ends = (db: Database, id: string, state: string) => until(`${id} is ${state}`, async () => (await jobOf(db, id)).state === state);
const seqs = async (db: Database): Promise<number[]> =>
  (await db.query<{ seq: number }>('select attempt_seq as seq from cyrus.event where attempt_id = $1 order by 1', [attempt])).rows.map(
    ({ seq }) => seq,
  );
const upTo = (n: number): number[] => Array.from({ length: n }, (_value, index) => index + 1);

async function insertAgent(db: Database, scenario: ScriptedScenario): Promise<void> {
  const work = await makeRepository(join(home.path, 'work'), { 'README.md': 'x' });
  const payload = agentJob({
    scenario,
    workingDirectory: work.path,
    conversationDirectory: join(home.path, 'conversation'),
    attemptId: attempt,
  });
  await insertJob(db, { id: 'agent', kind: 'agent', payload });
}

async function here(db: Database, runPrefix: string): Promise<Supervisor> {
  const executors = scriptedExecutors(bestSandbox, runPrefix);
  const { runners } = await jobsFor({ home: join(home.path, 'home'), db, sandbox: bestSandbox, executors, runPrefix, config: {} });
  const supervisor = supervisorFor(db, join(home.path, 'home'), { runners, sandbox: bestSandbox, runPrefix });
  supervisors.push(supervisor);
  return supervisor;
}

/** Starts the service in a process of its own; resolves with its first line. */
async function elsewhere(database: TestDatabase, runPrefix: string): Promise<{ child: ChildProcess; said: string }> {
  const args = ['--conditions=cyrus-source', service, join(home.path, 'home'), JSON.stringify(database.connection), runPrefix];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const said = await new Promise<string>((resolve) => {
    lines.once('line', resolve);
    child.once('exit', (code) => resolve(`ended with ${code}`));
  });
  return { child, said };
}

expectBubblewrap();
describe('on one database', () => {
  let database: TestDatabase;
  let db: Database;
  beforeEach(async () => {
    database = await testDatabase();
    db = database.db;
    await insertPlan(db);
  });
  afterEach(async () => {
    await Promise.all(supervisors.splice(0).map((supervisor) => supervisor.close()));
    await database.stop();
  });

  test('kill -9 of the service: nothing is left running, its job is lost, no event is', async () => {
    const runPrefix = `test-${unique()}-`;
    const { child, said } = await elsewhere(database, runPrefix);
    expect(said).toBe('started');
    await insertAgent(db, { untilFile: 'never' });
    await until('it works', async () => (await seqs(db)).length === 1);
    expect((await processesWith(`${runPrefix}${attempt}`)).length).toBeGreaterThan(0);
    child.kill('SIGKILL');
    // What it saw last may be on the disk alone.
    await until('the file is there', async () => (await readdir(spoolDirectory())).length === 1);
    const file = await readFile(join(spoolDirectory(), `${attempt}.ndjson`), 'utf8');
    const spool = await openSpool(spoolDirectory(), attempt, spooling);
    const usage = { model: 'm', inputTokens: 1, outputTokens: 1, cacheReadTokens: 0, cacheWriteTokens: 0, cost: 7, trust: 'agent' };
    const line = (seq: number, event: SpoolLine['event']): SpoolLine => ({ seq, at: Date.now(), jobId: 'agent', event });
    await db.query(
      `insert into cyrus.job_message (job_id, n, body, outcome) values ('agent', 4, 'read', 'steered'), ('agent', 5, 'not', null)`,
    );
    await spool.append([
      line(2, { type: 'usage', usage }),
      line(3, { type: 'delivered', messageId: 4 }),
      line(4, { type: 'message', content: 'cut' }),
    ]);
    await spool.close();
    await here(db, runPrefix).then((supervisor) => supervisor.start());
    expect(file).toContain('"seq":1');
    expect(await jobOf(db, 'agent')).toMatchObject({ state: 'lost', failure: { class: 'sandbox_lost' } });
    expect(await processesWith(`${runPrefix}${attempt}`)).toEqual([]);
    expect(await seqs(db)).toEqual(upTo(4));
    expect((await db.query('select seq, cost from cyrus.charge')).rows).toEqual([{ seq: 2, cost: 7 }]);
    const told = (await inputsOf(db)).map(({ kind, payload }) => [kind, payload['state'] ?? payload['n'] ?? null]);
    expect(told).toEqual([
      ['job_started', null],
      ['delivered', 4],
      ['job', 'lost'],
    ]);
    const { rows } = await db.query('select n, outcome from cyrus.job_message order by n');
    expect(rows).toEqual([
      { n: 4, outcome: 'steered' },
      { n: 5, outcome: 'too_late' },
    ]);
    expect(await readdir(spoolDirectory())).toEqual([]);
  });

  test('SIGTERM gives the agent its time, reports it and leaves nothing', async () => {
    const runPrefix = `test-${unique()}-`;
    const { child } = await elsewhere(database, runPrefix);
    await insertAgent(db, { endless: true, heartbeatMs: 20 });
    await until('it works', async () => (await inputsOf(db, 'job_started')).length === 1);
    child.kill('SIGTERM');
    await new Promise((resolve) => child.once('exit', resolve));
    expect(child.exitCode).toBe(0);
    expect((await jobOf(db, 'agent')).state).toBe('lost');
    expect(await processesWith(`${runPrefix}${attempt}`)).toEqual([]);
  });

  test('a second start is refused and told who is there; after kill -9 of the first it is not', async () => {
    const { child, said } = await elsewhere(database, `test-${unique()}-`);
    expect(said).toBe('started');
    const second = await here(db, `test-${unique()}-`);
    const refusal = await second.start().catch((error) => error);
    expect(refusal).toBeInstanceOf(HostTaken);
    expect(refusal.message).toContain(`pid ${child.pid}`);
    expect(refusal.holder?.pid).toBe(child.pid);
    expect((await elsewhere(database, `test-${unique()}-`)).said).toContain(`pid ${child.pid}`);
    child.kill('SIGKILL');
    await here(db, `test-${unique()}-`).then((supervisor) => supervisor.start());
  });

  test('a supervisor whose host was taken over ends what it runs and writes nothing more', async () => {
    let gone = false;
    let begun = false;
    const supervisor = supervisorFor(db, join(home.path, 'home'), {
      heartbeatMs: 50,
      onTakenOver: () => {
        gone = true;
      },
      runners: {
        merge: async (_job, { signal }) => {
          begun = true;
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
          return { result: { late: true } };
        },
      },
    });
    supervisors.push(supervisor);
    await supervisor.start();
    await insertJob(db, { id: 'j', kind: 'merge' });
    await until('it runs', () => begun);
    await db.query(`update cyrus.host set boot_id = 'another'`);
    await db.query(`update cyrus.host_job set boot_id = 'another'`);
    await until('it has seen it', () => gone);
    expect(await jobOf(db, 'j')).toMatchObject({ state: 'running', result: null });
    expect(await inputsOf(db)).toEqual([]);
  });

  test('a file of an attempt that this database does not know stays', async () => {
    const spool = await openSpool(spoolDirectory(), '../odd/attempt', spooling);
    await spool.append([{ seq: 1, at: 1, jobId: 'x', event: { type: 'message', content: 'kept' } }]);
    await spool.close();
    await here(db, `test-${unique()}-`).then((supervisor) => supervisor.start());
    expect((await readdir(spoolDirectory())).length).toBe(1);
    expect((await db.query('select from cyrus.event')).rowCount).toBe(0);
  });

  test('a line that a crash cut off costs that line alone', async () => {
    await mkdir(spoolDirectory(), { recursive: true });
    const spool = await openSpool(spoolDirectory(), attempt, spooling);
    await spool.append([{ seq: 1, at: 1, jobId: 'x', event: { type: 'message', content: 'whole' } }]);
    await spool.close();
    await appendFile(join(spoolDirectory(), `${attempt}.ndjson`), '{"seq":2,"at":1,"event":{"type":"mess');
    const again = await openSpool(spoolDirectory(), attempt, spooling);
    await again.append([{ seq: 3, at: 1, jobId: 'x', event: { type: 'message', content: 'after' } }]);
    await again.close();
    await here(db, `test-${unique()}-`).then((supervisor) => supervisor.start());
    expect(await seqs(db)).toEqual([1, 3]);
  });
});

test('kill -9 of Postgres: the agent goes on, its events arrive once, its end is told once', async () => {
  const { server } = await startTestServer();
  await migrate(server.connection);
  const db = openDatabase({ connection: server.connection, clock: systemClock, applicationName: 'test' });
  try {
    await insertPlan(db);
    const runPrefix = `test-${unique()}-`;
    const supervisor = await here(db, runPrefix);
    await supervisor.start();
    await insertAgent(db, { file: 'NEW.md', workMs: 2_500, heartbeatMs: 100 });
    await until('it works', async () => (await inputsOf(db, 'job_started')).length === 1);
    // Killed as often as it comes back, until the agent has ended: its last events find no database.
    const killed = new Set<number>();
    await until(
      'the agent ends',
      async () => {
        const pid = Number((await readFile(join(server.dataDir, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')[0]);
        if (pid > 0 && !killed.has(pid)) process.kill(pid, 'SIGKILL');
        killed.add(pid);
        return (await processesWith(`${runPrefix}${attempt}`)).length === 0;
      },
      30_000,
    );
    expect(killed.size).toBeGreaterThan(0);
    await until(
      'the job is done',
      () =>
        jobOf(db, 'agent').then(
          ({ state }) => state === 'done',
          () => false,
        ),
      60_000,
    );
    expect((await jobOf(db, 'agent')).result).toMatchObject({ result: { state: 'succeeded' } });
    const { rows } = await db.query<{ type: string; attempt_seq: number }>(
      'select type, attempt_seq from cyrus.event order by attempt_seq',
    );
    expect(rows.map(({ attempt_seq }) => attempt_seq)).toEqual(upTo(rows.length));
    expect(rows.map(({ type }) => type)).toEqual(['tool-use', 'tool-result', 'usage', 'message', 'complete']);
    expect((await db.query('select from cyrus.charge')).rowCount).toBe(1);
    expect((await inputsOf(db, 'job')).length).toBe(1);
    expect(await readdir(spoolDirectory())).toEqual([]);
    await insertJob(db, { id: 'next', kind: 'verify', payload: { commands: [] } });
    await ends(db, 'next', 'done');
  } finally {
    await Promise.all(supervisors.splice(0).map((supervisor) => supervisor.close()));
    await db.close();
    await server.stop();
  }
});
