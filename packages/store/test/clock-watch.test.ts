import { systemClock } from 'cyrus-core/clock';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createEngine, defineAdvance, type Engine, wake } from '../src/advance.ts';
import { silentLog } from '../src/log.ts';
import { toTimestamp } from '../src/pool.ts';
import { type TestDatabase, testDatabase } from '../src/testing/database.ts';

const hourMs = 3_600_000;

let t: TestDatabase;
let engine: Engine;
let now: number;
let advanced: string[];
beforeEach(async () => {
  now = Date.parse('2030-06-01T12:00:00Z');
  advanced = [];
  t = await testDatabase({ time: { now: () => now } });
  engine = createEngine({
    db: t.db,
    clock: systemClock,
    advances: [defineAdvance('thing', async (_tx, id) => void advanced.push(id))],
    log: silentLog,
    random: () => 0,
    liveEntities: async () => [],
    pollMs: 10,
  });
  await t.db.tx((tx) => wake(tx, ['thing:first']));
  await expect.poll(() => advanced).toEqual(['first']);
});
afterEach(async () => {
  await engine.stop();
  await t.stop();
});

test('the clock is set back an hour: what waits ten seconds waits no hour more', async () => {
  await t.db.tx((tx) => wake(tx, ['thing:timer'], now + 10_000));
  await t.db.query(
    `insert into cyrus.outbound_write (id, key, credential, lane, priority, kind, payload, not_before)
     values (gen_random_uuid(), 'k', 'git', 'l', 1, 'push', '{}', $1)`,
    [toTimestamp(now + 20_000)],
  );
  await t.db.query(`insert into cyrus.host_job (id, kind, notify, not_before) values ('j', 'issue', 'thing:x', $1)`, [
    toTimestamp(now + 30_000),
  ]);
  now -= hourMs;
  const waits = async (table: string): Promise<number> =>
    ((await t.db.query<{ at: number }>(`select not_before as at from cyrus.${table}`)).rows[0]?.at ?? 0) - now;
  await expect.poll(() => waits('outbound_write')).toBe(20_000);
  expect(await waits('host_job')).toBe(30_000);
  expect(advanced).toEqual(['first']);
  now += 11_000;
  await expect.poll(() => advanced).toEqual(['first', 'timer']);
});

test('the clock is set forward: timers are early once, and what comes after is on time', async () => {
  await t.db.tx((tx) => wake(tx, ['thing:timer'], now + hourMs));
  now += 2 * hourMs;
  await expect.poll(() => advanced).toEqual(['first', 'timer']);
  await t.db.tx((tx) => wake(tx, ['thing:later']));
  await expect.poll(() => advanced).toEqual(['first', 'timer', 'later']);
});
