import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { systemClock } from 'cyrus-core/clock';
import { afterEach, expect, test } from 'vitest';
import { wake } from '../src/advance.ts';
import { migrate } from '../src/migrate.ts';
import { ConnectionLost, type Database, openDatabase } from '../src/pool.ts';
import { startTestServer } from '../src/testing/database.ts';

const program = fileURLToPath(new URL('chaos-worker.ts', import.meta.url));
const entities = 40;
const workers: ChildProcess[] = [];
const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const worker of workers.splice(0)) worker.kill('SIGKILL');
  for (const end of ends.splice(0).reverse()) await end();
});

/** The same kills at the same places in every run; their moments are the machine's. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

async function count(db: Database, sql: string): Promise<number> {
  const { rows } = await db.query<{ n: number }>(`select count(*) as n from ${sql}`);
  return rows[0]?.n ?? -1;
}

test('workers and the database are killed, due rows deleted: every input is read, counted once, and nothing stays due', async () => {
  const { server } = await startTestServer({ settings: { fsync: 'on' } });
  ends.push(() => server.stop());
  await migrate(server.connection);
  const db = openDatabase({ connection: server.connection, clock: systemClock, applicationName: 'chaos', maxConnections: 8 });
  ends.push(() => db.close());
  await db.query('create table cyrus.counter (id text primary key, n int not null default 0)');
  await db.query(`insert into cyrus.counter select g::text from generate_series(0, ${entities - 1}) g`);
  const startWorker = (): void => {
    workers.push(
      spawn(process.execPath, ['--conditions=cyrus-source', program, JSON.stringify(server.connection)], {
        stdio: ['ignore', 'ignore', 'inherit'],
      }),
    );
  };
  startWorker();
  startWorker();

  const random = randomOf(7);
  let over = false;
  let certain = 0;
  let unknown = 0;
  const producers = Array.from({ length: 3 }, async () => {
    while (!over) {
      const entity = `counter:${Math.floor(random() * entities)}`;
      try {
        await db.tx(async (tx) => {
          await tx.query("insert into cyrus.input (entity, kind) values ($1, 'test')", [entity]);
          await wake(tx, [entity]);
        });
        certain++;
      } catch (error) {
        if (!(error instanceof ConnectionLost)) throw error;
        if (error.commitUnknown) unknown++;
        await systemClock.sleep(50);
      }
      await systemClock.sleep(random() * 10);
    }
  });

  const readSoFar = (): Promise<number> => count(db, 'cyrus.input where read_at is not null').catch(() => -1);
  const blows = ['worker', 'due', 'postgres', 'worker', 'due', 'postgres', 'worker'];
  for (const blow of blows) {
    // Each blow falls while work is being done, and the next one only once work goes on.
    const before = await readSoFar();
    await expect.poll(readSoFar, { interval: 20 }).toBeGreaterThan(Math.max(0, before) + 5);
    if (blow === 'worker') {
      workers.shift()?.kill('SIGKILL');
      startWorker();
    } else if (blow === 'due') {
      await db.query('delete from cyrus.due');
    } else {
      const pid = server.pid();
      if (pid !== undefined) process.kill(pid, 'SIGKILL');
      await expect.poll(() => server.pid() !== pid && db.now().catch(() => 0), { interval: 20 }).toBeGreaterThan(0);
    }
  }
  over = true;
  await Promise.all(producers);

  // The last blow leaves nothing that would wake these entities but the sweep.
  for (const worker of workers.splice(0)) worker.kill('SIGKILL');
  for (let id = 0; id < entities; id++) await db.query("insert into cyrus.input (entity, kind) values ($1, 'test')", [`counter:${id}`]);
  certain += entities;
  await db.query('delete from cyrus.due');
  startWorker();

  await expect.poll(() => count(db, 'cyrus.input where read_at is null'), { interval: 20 }).toBe(0);
  await expect.poll(() => count(db, 'cyrus.due'), { interval: 20 }).toBe(0);
  const made = await count(db, 'cyrus.input');
  expect(made).toBeGreaterThanOrEqual(certain);
  expect(made).toBeLessThanOrEqual(certain + unknown);
  expect(made).toBeGreaterThan(50);
  expect((await db.query<{ n: number }>('select sum(n) as n from cyrus.counter')).rows[0]?.n).toBe(made);
  expect(await count(db, 'cyrus.advance_failure')).toBe(0);
});
