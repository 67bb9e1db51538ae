import { systemClock } from 'cyrus-core/clock';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type HeldLock, holdLock, type LockOutcome } from '../src/advisory.ts';
import { silentLog } from '../src/log.ts';
import { type Database, openDatabase } from '../src/pool.ts';
import { type TestDatabase, testDatabase } from '../src/testing/database.ts';

let t: TestDatabase;
let one: Database;
let two: Database;
beforeEach(async () => {
  t = await testDatabase();
  one = openDatabase({ connection: t.connection, clock: systemClock, applicationName: 'first service' });
  two = openDatabase({ connection: t.connection, clock: systemClock, applicationName: 'second service' });
});
afterEach(async () => {
  await one.close();
  await two.close();
  await t.stop();
});

const options = { clock: systemClock, log: silentLog, heartbeatMs: 50 };

function lockOf(outcome: LockOutcome): HeldLock {
  if (!outcome.held) throw new Error(`held by ${outcome.holder.description}`);
  return outcome.lock;
}

test('one holder at a time; the second is told who that is', async () => {
  const lock = lockOf(await holdLock(one, 'broker', options));
  const other = lockOf(await holdLock(one, 'publisher', options));
  expect(await holdLock(two, 'broker', options)).toMatchObject({
    held: false,
    holder: { description: expect.stringMatching(/^first service on .*, pid \d+/) },
  });
  expect(await holdLock(one, 'broker', options)).toMatchObject({
    held: false,
    holder: { description: expect.stringContaining('first service') },
  });
  await lock.release();
  expect(other.held()).toBe(true);
  await other.release();
  const taken = lockOf(await holdLock(two, 'broker', options));
  expect([lock.held(), taken.held()]).toEqual([false, true]);
  await taken.release();
});

test('a holder that loses its connection is told, and can take the lock again', async () => {
  const lock = lockOf(await holdLock(one, 'broker', options));
  await t.db.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'first service%'");
  await expect.poll(() => lock.lost.aborted, { interval: 5 }).toBe(true);
  expect(lock.held()).toBe(false);
  const again = lockOf(await holdLock(one, 'broker', options));
  expect(again.held()).toBe(true);
  await again.release();
});

test('a holder whose heart has stopped is thrown out', async () => {
  const stopped = { ...systemClock, sleep: (): Promise<void> => new Promise(() => undefined) };
  const frozen = lockOf(await holdLock(one, 'broker', { ...options, clock: stopped }));
  const patient = { ...options, staleMs: 300 };
  expect((await holdLock(two, 'broker', patient)).held).toBe(false);
  let taken: LockOutcome | undefined;
  const tryAgain = async (): Promise<boolean> => {
    taken = await holdLock(two, 'broker', patient);
    return taken.held;
  };
  await expect.poll(tryAgain, { interval: 50 }).toBe(true);
  await expect.poll(() => frozen.lost.aborted, { interval: 5 }).toBe(true);
  if (taken) await lockOf(taken).release();
});

test('a beating heart keeps the lock beyond the stale time', async () => {
  const lock = lockOf(await holdLock(one, 'broker', options));
  const from = await t.db.now();
  while ((await t.db.now()) - from < 700) expect((await holdLock(two, 'broker', { ...options, staleMs: 600 })).held).toBe(false);
  expect(lock.held()).toBe(true);
  await lock.release();
});
