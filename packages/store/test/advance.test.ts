import { systemClock } from 'cyrus-core/clock';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Advance, createEngine, defineAdvance, type Engine, wake } from '../src/advance.ts';
import { silentLog } from '../src/log.ts';
import { type TestDatabase, testDatabase } from '../src/testing/database.ts';

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
  for (let i = 0; i < 3; i++) await expect.poll(() => inputsOf(`thing:${i}`), { timeout: 5_000, interval: 5 }).toBe(0);
  await expect.poll(async () => (await t.db.query('select from cyrus.due')).rowCount, { timeout: 5_000, interval: 5 }).toBe(0);
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
  await expect
    .poll(failures, { timeout: 5_000, interval: 5 })
    .toMatchObject([{ last_error: expect.stringContaining('the rows make no sense') }]);
  expect(await inputsOf('half')).toBe(0);
  const due = async (): Promise<number> => (await t.db.query('select from cyrus.due')).rowCount;
  await expect.poll(due, { timeout: 5_000, interval: 5 }).toBe(1);
  broken = false;
  await expect.poll(failures, { timeout: 5_000, interval: 5 }).toEqual([]);
  expect(await inputsOf('half')).toBe(1);
});

test('a kind that this release does not know is recorded, and does not stop the others', async () => {
  engine([readsInputs]);
  await t.db.tx((tx) => wake(tx, ['future:1']));
  await tell('thing:1');
  await expect.poll(() => inputsOf('thing:1'), { timeout: 5_000, interval: 5 }).toBe(0);
  const failed = async (): Promise<unknown> => (await t.db.query('select entity from cyrus.advance_failure')).rows;
  await expect.poll(failed, { timeout: 5_000, interval: 5 }).toEqual([{ entity: 'future:1' }]);
});

test('live entities without a due row get one; those with one keep it', async () => {
  const seen: string[] = [];
  await t.db.tx((tx) => wake(tx, ['thing:later'], Date.parse('2100-01-01')));
  engine([defineAdvance('thing', async (_tx, id) => void seen.push(id))], ['thing:forgotten', 'thing:later']);
  await expect.poll(() => seen, { timeout: 5_000, interval: 5 }).toEqual(['forgotten']);
  expect((await t.db.query('select id, at from cyrus.due')).rows).toEqual([{ id: 'thing:later', at: Date.parse('2100-01-01') }]);
});
