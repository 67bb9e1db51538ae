import { systemClock } from 'cyrus-core/clock';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ConnectionLost, openDatabase, type Tx, toTimestamp } from '../src/pool.ts';
import { type TestDatabase, testDatabase } from '../src/testing/database.ts';

let t: TestDatabase;
beforeEach(async () => {
  t = await testDatabase();
  await t.db.query('create table cyrus.t (id int primary key, n int)');
  await t.db.query('insert into cyrus.t values (1, 0), (2, 0)');
});
afterEach(() => t.stop());

const nOf = async (id: number): Promise<number> =>
  (await t.db.query<{ n: number }>('select n from cyrus.t where id = $1', [id])).rows[0]?.n ?? -1;

test('values: integers, sums and times come back as numbers, whatever the time zone', async () => {
  const at = Date.parse('2026-11-21T09:15:00.123Z');
  const row = await t.db.tx(async (tx) => {
    await tx.query("set local time zone 'Asia/Kolkata'");
    const { rows } = await tx.query(
      `select 9007199254740991::bigint as big, sum(x) as sum, array[1, 2]::bigint[] as list, $1::timestamptz as at, array[$1::timestamptz, null] as times,
              'infinity'::timestamptz as never, 1.5::numeric as fraction from (values (1::bigint), (2)) v (x)`,
      [toTimestamp(at)],
    );
    return rows[0];
  });
  expect(row).toEqual({
    big: 9007199254740991,
    sum: 3,
    list: [1, 2],
    at,
    times: [at, null],
    never: Number.POSITIVE_INFINITY,
    fraction: 1.5,
  });
  await expect(t.db.query('select 9007199254740993::bigint')).rejects.toThrow(RangeError);
});

test('a function that throws leaves nothing; its error comes back', async () => {
  const error = new Error('no');
  const work = t.db.tx(async (tx) => {
    await tx.query('update cyrus.t set n = 1 where id = 1');
    throw error;
  });
  await expect(work).rejects.toBe(error);
  expect(await nOf(1)).toBe(0);
});

test('an error of the database that the function swallows does not pass for a commit', async () => {
  const work = t.db.tx(async (tx) => {
    await tx.query('update cyrus.t set n = 1 where id = 1');
    await tx.query('select no_such_column').catch(() => undefined);
  });
  await expect(work).rejects.toThrow(/nothing was written/);
  expect(await nOf(1)).toBe(0);
});

test('what is sent without waiting is carried out in order, before the commit', async () => {
  await t.db.tx(async (tx) => {
    tx.send('update cyrus.t set n = 1 where id = 1');
    tx.send('update cyrus.t set n = n + 1 where id = $1', [1]);
    expect((await tx.query('select n from cyrus.t where id = 1')).rows).toEqual([{ n: 2 }]);
    tx.send('update cyrus.t set n = n + 1 where id = $1', [1]);
  });
  expect(await nOf(1)).toBe(3);
});

test.each<[string, (tx: Tx) => Promise<unknown>]>([
  ['nothing follows', async () => undefined],
  ['statements follow that are waited for', (tx) => tx.query('select n from cyrus.t')],
  ['others are sent after it', async (tx) => tx.send('update cyrus.t set n = 1 where id = 2')],
  [
    'one is sent that could not be prepared any more, and asked for again',
    async (tx) => {
      tx.send('update cyrus.t set n = $1 where id = 2', [1]);
      await tx.query('update cyrus.t set n = $1 where id = 2', [1]);
    },
  ],
])('what is sent without waiting and fails undoes the transaction, and its error comes back: %s', async (_name, then) => {
  const work = t.db.tx(async (tx) => {
    tx.send('update cyrus.t set n = 1 where id = 1');
    tx.send('insert into cyrus.t values ($1, 0)', [2]);
    await then(tx);
  });
  await expect(work).rejects.toMatchObject({ code: '23505' });
  expect([await nOf(1), await nOf(2)]).toEqual([0, 0]);
});

test.each<[string, (tx: Tx, sql: string) => unknown]>([
  ['in what they wait for', (tx, sql) => tx.query(sql)],
  ['in what they send', (tx, sql) => tx.send(sql)],
])('of two transactions that deadlock %s both happen', async (_name, last) => {
  const [a, b] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const add = (id: number): string => `update cyrus.t set n = n + 1 where id = ${id}`;
  await Promise.all([
    t.db.tx(async (tx) => {
      await tx.query(add(1));
      a.resolve();
      await b.promise;
      await last(tx, add(2));
    }),
    t.db.tx(async (tx) => {
      await tx.query(add(2));
      b.resolve();
      await a.promise;
      await last(tx, add(1));
    }),
  ]);
  expect([await nOf(1), await nOf(2)]).toEqual([2, 2]);
});

test('a connection lost in a transaction: ConnectionLost, nothing written, and the next transaction works', async () => {
  const work = t.db.tx(async (tx) => {
    await tx.query('update cyrus.t set n = 1 where id = 1');
    const { rows } = await tx.query<{ pid: number }>('select pg_backend_pid() as pid');
    await t.db.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
    await tx.query('select 1');
  });
  await expect(work).rejects.toMatchObject({ name: 'ConnectionLost', commitUnknown: false });
  expect(await nOf(1)).toBe(0);
});

test('no database at all: ConnectionLost', async () => {
  const db = openDatabase({ connection: { ...t.connection, host: '/nonexistent' }, clock: systemClock, applicationName: 'test' });
  await expect(db.query('select 1')).rejects.toThrow(ConnectionLost);
  await expect(db.tx(async () => undefined)).rejects.toThrow(ConnectionLost);
  await db.close();
});

test('a listener hears every channel, again after its connection was cut, and is told that it may have missed something', async () => {
  const heard: string[] = [];
  const subscription = await t.db.listen('a', (payload) => heard.push(`a:${payload}`));
  await t.db.listen('b', (payload) => heard.push(`b:${payload}`));
  await t.db.query("select pg_notify('a', '1'), pg_notify('b', '2')");
  await expect.poll(() => heard, { interval: 5 }).toEqual(expect.arrayContaining(['a:1', 'b:2']));
  heard.length = 0;
  await t.db.query("select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'listen %' and datname = current_database()");
  await expect.poll(() => heard, { interval: 5 }).toEqual(expect.arrayContaining(['a:', 'b:']));
  await t.db.query("select pg_notify('b', '3')");
  await expect.poll(() => heard, { interval: 5 }).toContain('b:3');
  subscription.close();
});

test('time can be given by hand', async () => {
  const db = openDatabase({ connection: t.connection, clock: systemClock, applicationName: 'test', time: { now: () => 42 } });
  expect(await db.now()).toBe(42);
  expect((await db.query('select $1::timestamptz as at', [db.manualNow()])).rows).toEqual([{ at: 42 }]);
  await db.close();
});
