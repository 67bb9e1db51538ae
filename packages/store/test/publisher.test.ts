import { systemClock } from 'cyrus-core/clock';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLog } from '../src/log.ts';
import type { Tx } from '../src/pool.ts';
import { publishEvents, publishPending, startPublisher } from '../src/publisher.ts';
import { type TestDatabase, testDatabase } from '../src/testing/database.ts';

let t: TestDatabase;
beforeEach(async () => {
  t = await testDatabase();
});
afterEach(() => t.stop());

const append = (tx: Tx, type: string): Promise<unknown> => tx.query('insert into cyrus.event (type) values ($1)', [type]);

/** A reader that follows numbers, as a page does. */
function reader(): { read(): Promise<readonly string[]> } {
  let cursor = 0;
  return {
    async read() {
      const { rows } = await t.db.query<{ type: string; number: number }>(
        'select type, number from cyrus.event where number > $1 order by number',
        [cursor],
      );
      cursor = rows.at(-1)?.number ?? cursor;
      return rows.map(({ type }) => type);
    },
  };
}

/** A transaction that stays open after its insert, until told. */
function openAppend(type: string): { appended: Promise<void>; commit(): Promise<void> } {
  const appended = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  const done = t.db.tx(async (tx) => {
    await append(tx, type);
    appended.resolve();
    await go.promise;
  });
  return {
    appended: appended.promise,
    commit() {
      go.resolve();
      return done;
    },
  };
}

test('an event that commits after a later one is read after it, and not skipped', async () => {
  const follower = reader();
  const early = openAppend('early');
  await early.appended;
  const late = openAppend('late');
  await late.appended;
  await late.commit();
  expect(await publishEvents(t.db)).toBe(1);
  expect(await follower.read()).toEqual(['late']);
  await early.commit();
  expect(await publishEvents(t.db)).toBe(1);
  expect(await follower.read()).toEqual(['early']);
});

test('publishers in competition: every event gets one number, and a follower sees each once', async () => {
  const publishers = [1, 2].map(() => startPublisher({ db: t.db, clock: systemClock, log: silentLog, pollMs: 5 }));
  const follower = reader();
  const seen: string[] = [];
  const writers = Array.from({ length: 4 }, async (_, writer) => {
    for (let i = 0; i < 25; i++) await t.db.tx((tx) => append(tx, `${writer}-${i}`));
  });
  await Promise.all(writers);
  const all = async (): Promise<number> => {
    seen.push(...(await follower.read()));
    return seen.length;
  };
  await expect.poll(all, { interval: 2 }).toBe(100);
  expect(new Set(seen).size).toBe(100);
  await Promise.all(publishers.map((publisher) => publisher.stop()));
});

test('numbers never start again, even if every event has been deleted', async () => {
  await t.db.tx((tx) => append(tx, 'old'));
  await publishEvents(t.db);
  const follower = reader();
  await follower.read();
  await t.db.query('delete from cyrus.event');
  await t.db.tx((tx) => append(tx, 'new'));
  await publishEvents(t.db);
  expect(await follower.read()).toEqual(['new']);
});

test('listeners hear the highest number', async () => {
  const heard: string[] = [];
  const subscription = await t.db.listen('event', (payload) => heard.push(payload));
  await t.db.tx((tx) => append(tx, 'a'));
  await publishEvents(t.db);
  await expect.poll(() => heard.at(-1), { interval: 5 }).toBe('1');
  subscription.close();
});

test('whoever has pending events numbered sees all that was committed before, without a publisher', async () => {
  const follower = reader();
  for (let i = 0; i < 3; i++) await t.db.tx((tx) => append(tx, `pending-${i}`));
  await publishPending(t.db);
  expect(await follower.read()).toEqual(['pending-0', 'pending-1', 'pending-2']);
});
