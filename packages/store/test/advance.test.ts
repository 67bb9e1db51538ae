import { manualClock, systemClock } from 'cyrus-core/clock';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Advance, createEngine, defineAdvance, type Engine, wake } from '../src/advance.ts';
import { silentLog } from '../src/log.ts';
import { type TestDatabase, testDatabase } from '../src/testing/database.ts';
import { takeDue } from '../src/wake.ts';

let t: TestDatabase;
const engines: Engine[] = [];

beforeEach(async () => {
  t = await testDatabase();
});
afterEach(async () => {
  await Promise.all(engines.splice(0).map((engine) => engine.stop()));
  await t.stop();
});

function engine(advances: Advance[], live: readonly string[] = []): Engine {
  const made = createEngine({ db: t.db, clock: systemClock, advances, log: silentLog, random: () => 0, liveEntities: async () => live });
  engines.push(made);
  return made;
}

const inputsOf = async (entity: string): Promise<number> =>
  (await t.db.query<{ n: number }>('select count(*) n from cyrus.input where entity = $1 and read_at is null', [entity])).rows[0]?.n ?? -1;

const readsInputs = defineAdvance('thing', async (tx, id) => {
  await tx.query('select from cyrus.dispatcher for update');
  await tx.query('update cyrus.input set read_at = clock_timestamp() where entity = $1 and read_at is null', [`thing:${id}`]);
});

async function tell(entity: string): Promise<void> {
  await t.db.tx(async (tx) => {
    await tx.query("insert into cyrus.input (entity, kind) values ($1, 'test')", [entity]);
    await wake(tx, [entity]);
  });
}

test('what is woken is advanced, and its due rows are gone', async () => {
  engine([readsInputs]);
  for (let i = 0; i < 20; i++) await tell(`thing:${i % 3}`);
  for (let i = 0; i < 3; i++) await expect.poll(() => inputsOf(`thing:${i}`), { interval: 5 }).toBe(0);
  await expect.poll(async () => (await t.db.query('select from cyrus.due')).rowCount, { interval: 5 }).toBe(0);
});

test('an advance that throws is recorded, tried again later, and forgiven once it succeeds', async () => {
  let broken = true;
  engine([
    defineAdvance('thing', async (tx) => {
      await tx.query("insert into cyrus.input (entity, kind) values ('half', 'test')");
      if (broken) throw new Error('the rows make no sense');
    }),
  ]);
  await t.db.tx((tx) => wake(tx, ['thing:a', 'thing:a']));
  const failures = async (): Promise<readonly { failures: number; last_error: string }[]> =>
    (await t.db.query<{ failures: number; last_error: string }>('select failures, last_error from cyrus.advance_failure')).rows;
  await expect.poll(failures, { interval: 5 }).toMatchObject([{ last_error: expect.stringContaining('the rows make no sense') }]);
  expect(await inputsOf('half')).toBe(0);
  const due = async (): Promise<number> => (await t.db.query('select from cyrus.due')).rowCount;
  await expect.poll(due, { interval: 5 }).toBe(1);
  broken = false;
  await expect.poll(failures, { interval: 5 }).toEqual([]);
  expect(await inputsOf('half')).toBe(1);
});

test('attempts go before what has been due longer, where asked', async () => {
  await t.db.tx((tx) => wake(tx, ['attempt:1'], Date.parse('2020-01-03')));
  await t.db.tx((tx) => wake(tx, ['attempt:2'], Date.parse('2020-01-02')));
  await t.db.tx((tx) => wake(tx, ['plan:1'], Date.parse('2020-01-01')));
  await t.db.tx((tx) => wake(tx, ['attempt:3'], Date.parse('2100-01-01')));
  const taken: (string | undefined)[] = [];
  for (const first of [true, false, true, true]) taken.push((await t.db.tx((tx) => takeDue(tx, first)))?.entity);
  expect(taken).toEqual(['attempt:2', 'plan:1', 'attempt:1', undefined]);
});

test('a kind that this release does not know is recorded, and does not stop the others', async () => {
  engine([readsInputs]);
  await t.db.tx((tx) => wake(tx, ['future:1']));
  await tell('thing:1');
  await expect.poll(() => inputsOf('thing:1'), { interval: 5 }).toBe(0);
  const failed = async (): Promise<unknown> => (await t.db.query('select entity from cyrus.advance_failure')).rows;
  await expect.poll(failed, { interval: 5 }).toEqual([{ entity: 'future:1' }]);
});

test('live entities without a due row get one; those with one keep it', async () => {
  const seen: string[] = [];
  await t.db.tx((tx) => wake(tx, ['thing:later'], Date.parse('2100-01-01')));
  engine([defineAdvance('thing', async (_tx, id) => void seen.push(id))], ['thing:forgotten', 'thing:later']);
  await expect.poll(() => seen, { interval: 5 }).toEqual(['forgotten']);
  await expect
    .poll(async () => (await t.db.query('select id, at from cyrus.due')).rows, { interval: 5 })
    .toEqual([{ id: 'thing:later', at: Date.parse('2100-01-01') }]);
});

test('an input that commits while its entity is being decided on is served by its own due row, without any sweep', async () => {
  let interleaved = false;
  const reads: number[] = [];
  engine([
    defineAdvance('thing', async (tx) => {
      const { rowCount } = await tx.query(
        "update cyrus.input set read_at = clock_timestamp() where entity = 'thing:a' and read_at is null",
      );
      reads.push(rowCount);
      if (interleaved) return;
      interleaved = true;
      await tell('thing:a');
    }),
  ]);
  await tell('thing:a');
  await expect.poll(() => reads.reduce((sum, n) => sum + n, 0), { interval: 5 }).toBe(2);
  expect(await inputsOf('thing:a')).toBe(0);
});

test('two engines on one database share the work; no entity is in two hands at once', async () => {
  const inside = new Map<string, number>();
  let most = 0;
  let runs = 0;
  const careful = defineAdvance('thing', async (tx, id) => {
    await tx.query('select pg_advisory_xact_lock(hashtext($1))', [id]); // stands for the entity's row lock
    const now = (inside.get(id) ?? 0) + 1;
    inside.set(id, now);
    most = Math.max(most, now);
    await tx.query('update cyrus.input set read_at = clock_timestamp() where entity = $1 and read_at is null', [`thing:${id}`]);
    runs++;
    inside.set(id, now - 1);
  });
  engine([careful]);
  engine([careful]);
  for (let i = 0; i < 60; i++) await tell(`thing:${i % 4}`);
  const unread = async (): Promise<number> => (await t.db.query('select from cyrus.input where read_at is null')).rowCount;
  await expect.poll(unread, { interval: 5 }).toBe(0);
  expect(most).toBe(1);
  expect(runs).toBeGreaterThanOrEqual(4);
});

test('a timer fires when its time has come by the given clock, not before', async () => {
  const manual = manualClock(1_000_000);
  const timed = await testDatabase({ time: manual });
  const seen: number[] = [];
  const made = createEngine({
    db: timed.db,
    clock: systemClock,
    advances: [defineAdvance('timer', async (_tx, _id, now) => void seen.push(now))],
    log: silentLog,
    random: () => 0,
    liveEntities: async () => [],
    pollMs: 10,
  });
  await timed.db.tx((tx) => wake(tx, ['timer:now']));
  await timed.db.tx((tx) => wake(tx, ['timer:later'], 1_005_000));
  await expect.poll(() => seen, { interval: 5 }).toEqual([1_000_000]);
  manual.advance(4_999);
  await timed.db.tx((tx) => wake(tx, ['timer:marker']));
  await expect.poll(() => seen, { interval: 5 }).toEqual([1_000_000, 1_004_999]);
  manual.advance(1);
  await expect.poll(() => seen, { interval: 5 }).toEqual([1_000_000, 1_004_999, 1_005_000]);
  await made.stop();
  await timed.stop();
});

test('deciding costs the same with many timers ahead', async () => {
  await t.db.query(
    "insert into cyrus.due (id, at) select 'timer:' || g, clock_timestamp() + interval '1 day' from generate_series(1, 5000) g",
  );
  await t.db.query('analyze cyrus.due');
  const before = await scanned();
  await t.db.tx(async (tx) => expect(await takeDue(tx)).toBeUndefined());
  await expect.poll(async () => (await scanned()).scans - before.scans, { interval: 100 }).toBeGreaterThan(0);
  expect((await scanned()).tuples - before.tuples).toBeLessThan(10);
});

async function scanned(): Promise<{ scans: number; tuples: number }> {
  const { rows } = await t.db.query<{ scans: number; tuples: number }>(
    `select idx_scan as scans, idx_tup_read as tuples from pg_stat_user_indexes where indexrelname = 'due_at'`,
  );
  return rows[0] ?? { scans: -1, tuples: -1 };
}
