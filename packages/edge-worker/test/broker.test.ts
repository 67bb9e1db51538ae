import { manualClock, systemClock } from 'cyrus-core/clock';
import { FailureError } from 'cyrus-core/failure';
import { silentLog } from 'cyrus-store/log';
import { type TestDatabase, testDatabase } from 'cyrus-store/testing/database';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Broker, type BrokerOptions, createBroker } from '../src/broker/broker.ts';
import type { Perform, WriteOutcome } from '../src/broker/outcome.ts';
import { until } from './support/until.ts';
import { insertWrite, statesByKey } from './support/writes.ts';

let database: TestDatabase;
const brokers: Broker[] = [];

beforeEach(async () => {
  database = await testDatabase();
});
afterEach(async () => {
  await Promise.all(brokers.splice(0).map((broker) => broker.close()));
  await database.stop();
});

const sent: WriteOutcome = { state: 'sent', result: {} };
const failing = (kind: 'network' | 'auth' | 'rate_limited', retryAt?: number): WriteOutcome => ({
  state: 'retry',
  failure: { class: kind, message: kind, ...(retryAt === undefined ? {} : { retryAt }) },
});

function start(perform: Perform, options: Partial<BrokerOptions> = {}): Broker {
  const broker = createBroker({
    db: database.db,
    clock: systemClock,
    random: () => 0.5,
    credential: 'test',
    perform,
    log: silentLog,
    ...options,
  });
  brokers.push(broker);
  return broker;
}

/** Notes what is performed; a write waits until it is let go. */
function stage(): { readonly perform: Perform; readonly begun: string[]; release(key: string, outcome?: WriteOutcome): Promise<void> } {
  const begun: string[] = [];
  const waiting = new Map<string, (outcome: WriteOutcome) => void>();
  return {
    begun,
    perform: (write) =>
      new Promise((resolve) => {
        begun.push(write.key);
        waiting.set(write.key, resolve);
      }),
    async release(key, outcome = sent) {
      const resolve = await until(`${key} is being performed`, () => waiting.get(key));
      waiting.delete(key);
      resolve(outcome);
    },
  };
}

const settled = (key: string, state: string) => until(`${key} is ${state}`, async () => (await statesByKey(database.db))[key] === state);
const rows = async <Row>(sql: string): Promise<readonly Row[]> => (await database.db.query<Row>(sql)).rows;

test('a lane is first in, first out, one at a time; among lanes the more urgent head goes first', async () => {
  await insertWrite(database.db, { key: 'a1', lane: 'a', priority: 5 });
  await insertWrite(database.db, { key: 'a2', lane: 'a', priority: 0 });
  await insertWrite(database.db, { key: 'b1', lane: 'b', priority: 1 });
  const { perform, begun, release } = stage();
  start(perform);
  await release('b1');
  await settled('b1', 'sent');
  expect(begun).toEqual(['b1', 'a1']);
  await release('a1');
  await release('a2');
  await settled('a2', 'sent');
  expect(begun).toEqual(['b1', 'a1', 'a2']);
});

test('eight lanes at once and no more', async () => {
  for (let n = 0; n < 10; n++) await insertWrite(database.db, { key: `w${n}`, lane: `l${n}` });
  const { perform, begun, release } = stage();
  start(perform);
  await until('eight have begun', () => begun.length === 8);
  await release('w0');
  await until('a ninth has begun', () => begun.length === 9);
  for (let n = 1; n < 10; n++) await release(`w${n}`);
  await settled('w9', 'sent');
});

test('a wake is enough: no poll is waited for', async () => {
  const { perform, release } = stage();
  const broker = start(perform, {
    clock: { ...systemClock, sleep: (_ms, signal) => new Promise((resolve) => signal?.addEventListener('abort', () => resolve())) },
  });
  await until('the broker works', () => broker.held());
  await insertWrite(database.db, { key: 'w' });
  broker.wake();
  await release('w');
  await settled('w', 'sent');
});

test('a write whose end the database refused to record is sent again under its id, and its lane goes on', async () => {
  await database.db.query(`create sequence refusals;
    create function refuse() returns trigger language plpgsql as $$ begin
      if new.state = 'sent' and nextval('refusals') = 1 then raise exception 'not now'; end if; return new; end $$;
    create trigger refuse before update on cyrus.outbound_write for each row execute function refuse()`);
  const id = await insertWrite(database.db, { key: 'first' });
  await insertWrite(database.db, { key: 'second' });
  const performed: string[] = [];
  const perform: Perform = async (write) => {
    performed.push(write.key === 'first' ? write.id : write.key);
    return sent;
  };
  start(perform, { clock: { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms / 50, signal) } });
  await settled('second', 'sent');
  expect(performed).toEqual([id, id, 'second']);
});

test('the entity a write was for is told how it ended, and woken', async () => {
  const woken: number[] = [];
  const id = await insertWrite(database.db, { key: 'good', notify: 'plan:p', kind: 'push' });
  const bad = await insertWrite(database.db, { key: 'bad', lane: 'other', notify: 'plan:q' });
  const failure = { class: 'invalid_request', message: 'no such session' } as const;
  start(
    async (write) =>
      write.key === 'good' ? { state: 'sent', result: { sha: 'abc', odd: 'a\u0000\ud800' } } : { state: 'rejected', failure },
    {
      onWake: () => woken.push(1),
    },
  );
  await settled('good', 'sent');
  await settled('bad', 'rejected');
  expect(await rows('select entity, kind, payload from cyrus.input order by entity')).toEqual([
    {
      entity: 'plan:p',
      kind: 'write',
      payload: { writeId: id, key: 'good', kind: 'push', state: 'sent', result: { sha: 'abc', odd: 'a\ufffd\ufffd' }, failure: null },
    },
    { entity: 'plan:q', kind: 'write', payload: { writeId: bad, key: 'bad', kind: 'activity', state: 'rejected', result: null, failure } },
  ]);
  expect(await rows('select id from cyrus.due order by id')).toEqual([{ id: 'plan:p' }, { id: 'plan:q' }]);
  await until('both were told in this process', () => woken.length === 2);
});

describe('what may pass is tried again', () => {
  test('a network failure holds its own lane, in order, and is tried again without an end', async () => {
    await insertWrite(database.db, { key: 'first' });
    await insertWrite(database.db, { key: 'second' });
    await insertWrite(database.db, { key: 'elsewhere', lane: 'other' });
    const tried: string[] = [];
    start(
      async (write) => {
        tried.push(write.key);
        return write.key === 'first' && write.attempts < 6 ? failing('network') : sent;
      },
      { random: () => 0.01 },
    );
    await settled('second', 'sent');
    expect(tried.filter((key) => key !== 'elsewhere')).toEqual([...Array(6).fill('first'), 'second']);
    expect(tried.indexOf('elsewhere')).toBeLessThan(3);
  });

  test('a clock that is set back an hour does not make a pause an hour longer', async () => {
    let ahead = 0;
    const clock = { ...systemClock, now: () => systemClock.now() + ahead };
    await insertWrite(database.db, { key: 'limited', lane: 'a' });
    const broker = start(async (write) => (write.key === 'limited' ? failing('rate_limited', clock.now() + 30_000) : sent), { clock });
    await until(
      'the limit to be met',
      async () => (await rows<{ failure: object | null }>('select failure from cyrus.outbound_write'))[0]?.failure,
    );
    await insertWrite(database.db, { key: 'other', lane: 'b' });
    broker.wake();
    expect(await statesByKey(database.db)).toEqual({ limited: 'queued', other: 'queued' });
    ahead = -3_600_000;
    await settled('other', 'sent');
  });

  test('a rate limit holds all of the credential until its time', async () => {
    const clock = manualClock(1_000_000);
    const timed = await testDatabase({ time: clock });
    try {
      await insertWrite(timed.db, { key: 'limited', priority: 0, lane: 'a' });
      const tried: string[] = [];
      start(
        async (write) => {
          tried.push(write.key);
          return write.key === 'limited' && write.attempts === 1 ? failing('rate_limited', clock.now() + 40_000) : sent;
        },
        { db: timed.db, clock, random: () => 0 },
      );
      await until(
        'it was put back',
        async () => (await rowsOf(timed, 'select 1 as x from cyrus.outbound_write where not_before is not null')).length === 1,
      );
      await insertWrite(timed.db, { key: 'other', lane: 'b' });
      for (let seconds = 0; seconds < 39; seconds++) {
        clock.advance(1_000);
        await database.db.query('select 1');
      }
      expect(tried).toEqual(['limited']);
      await until('both are sent', async () => {
        clock.advance(500);
        return Object.values(await statesByKey(timed.db)).every((state) => state === 'sent');
      });
      expect(clock.now()).toBeLessThan(1_100_000);
    } finally {
      await Promise.all(brokers.splice(0).map((broker) => broker.close()));
      await timed.stop();
    }
  });

  test('a refused login is tried again soon, then every minute, told once, and told again when it works', async () => {
    const clock = manualClock(1_000_000);
    const timed = await testDatabase({ time: clock });
    try {
      await insertWrite(timed.db, { key: 'w' });
      const at: number[] = [];
      start(
        async (write) => {
          at.push(clock.now());
          return write.attempts < 4 ? failing('auth') : sent;
        },
        { db: timed.db, clock },
      );
      await until('it is sent', async () => {
        clock.advance(1_000);
        return (await statesByKey(timed.db))['w'] === 'sent';
      });
      const gaps = at.slice(1).map((time, n) => time - (at[n] ?? 0));
      for (const [n, least] of [4_000, 16_000, 60_000].entries()) expect(gaps[n]).toBeGreaterThanOrEqual(least);
      await until('the recovery is told', async () => (await rowsOf(timed, 'select type from cyrus.event')).length === 2);
      expect(await rowsOf(timed, `select type, payload ->> 'credential' as credential from cyrus.event order by id`)).toEqual([
        { type: 'credential_failed', credential: 'test' },
        { type: 'credential_recovered', credential: 'test' },
      ]);
    } finally {
      await Promise.all(brokers.splice(0).map((broker) => broker.close()));
      await timed.stop();
    }
  });

  test('a limit that holds for long is told at its first refusal, to whoever waits too, and told again when it is over', async () => {
    const clock = manualClock(1_000_000);
    const timed = await testDatabase({ time: clock });
    try {
      await insertWrite(timed.db, { key: 'w', notify: 'plan:p' });
      start(async (write) => (write.attempts < 2 ? failing('rate_limited', clock.now() + 600_000) : sent), {
        db: timed.db,
        clock,
        random: () => 0,
      });
      const told = async () => (await rowsOf(timed, 'select kind from cyrus.input order by seq')).map((row) => row['kind']);
      await until('it is told', async () => (await told()).length === 1);
      await until('it is sent', async () => {
        clock.advance(5_000);
        return (await statesByKey(timed.db))['w'] === 'sent';
      });
      expect(await told()).toEqual(['write_delayed', 'write']);
      await until('the recovery is told', async () => (await rowsOf(timed, 'select type from cyrus.event')).length === 2);
      expect(await rowsOf(timed, `select payload -> 'failure' ->> 'class' as class from cyrus.event order by id`)).toEqual([
        { class: 'rate_limited' },
        { class: null },
      ]);
    } finally {
      await Promise.all(brokers.splice(0).map((broker) => broker.close()));
      await timed.stop();
    }
  });

  const rowsOf = async (timed: TestDatabase, sql: string) => (await timed.db.query(sql)).rows;

  test('a failure thrown across a port counts as what it says', async () => {
    await insertWrite(database.db, { key: 'w' });
    start(
      async (write) => {
        if (write.attempts === 1) throw new FailureError({ class: 'network', message: 'gone' });
        return sent;
      },
      { random: () => 0.01 },
    );
    await settled('w', 'sent');
  });

  test('a defect does not hold its lane for ever', async () => {
    await insertWrite(database.db, { key: 'w', notify: 'plan:p' });
    await insertWrite(database.db, { key: 'next' });
    start(
      async (write) => {
        if (write.key === 'w') throw new TypeError('x is not a function');
        return sent;
      },
      { random: () => 0 },
    );
    await settled('next', 'sent');
    expect(await rows('select attempts, state from cyrus.outbound_write where key = $$w$$')).toEqual([{ attempts: 10, state: 'rejected' }]);
  });
});

describe('what may not leave any more', () => {
  test('of a plan whose stop was asked for only the closing answer leaves', async () => {
    await insertWrite(database.db, { key: 'thought', planId: 'p' });
    await insertWrite(database.db, { key: 'state', planId: 'p', kind: 'issueState', lane: 'other' });
    await insertWrite(database.db, { key: 'answer', planId: 'p', closing: true });
    await insertWrite(database.db, { key: 'of another', planId: 'q' });
    await database.db.query(`insert into cyrus.stop_request (plan_id, requested_by) values ('p', 'Ada')`);
    const tried: string[] = [];
    start(async (write) => {
      tried.push(write.key);
      return sent;
    });
    await settled('of another', 'sent');
    expect(tried).toEqual(['answer', 'of another']);
    expect(await statesByKey(database.db)).toEqual({ thought: 'cancelled', state: 'cancelled', answer: 'sent', 'of another': 'sent' });
  });

  test('a push on its way when its plan is stopped is ended and cancelled; what is on its way to the tracker ends by itself', async () => {
    await insertWrite(database.db, { key: 'push', planId: 'p', kind: 'push', lane: 'git' });
    await insertWrite(database.db, { key: 'thought', planId: 'p' });
    const { perform, begun, release } = stage();
    const ended: string[] = [];
    const broker = start(async (write, signal) => {
      const cut = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
      cut.catch(() => ended.push(write.key));
      return Promise.race([perform(write, signal), cut]);
    });
    await until('both are under way', () => begun.length === 2);
    await database.db.query(`insert into cyrus.stop_request (plan_id, requested_by) values ('p', 'Ada')`);
    broker.wake();
    await settled('push', 'cancelled');
    expect(ended).toEqual(['push']);
    await release('thought');
    await settled('thought', 'sent');
    expect(begun).toEqual(['push', 'thought']);
  });

  test('an activity put back into its lane does not follow a stop of its turn', async () => {
    const { db } = database;
    await db.query(`insert into cyrus.issue (id, workspace, identifier, title) values ('i-stop', 'w', 'ENG-77', 't')`);
    await db.query(`insert into cyrus.session (id, source, workspace, issue_id) values ('s-stop', 'linear', 'w', 'i-stop')`);
    await db.query(`insert into cyrus.turn (id, session_id, opened_by) values ('t-stop', 's-stop', 'message:1')`);
    await db.query(
      `insert into cyrus.message (session_id, seq, turn_id, body, signal) values ('s-stop', 1, 't-stop', '', null), ('s-stop', 2, 't-stop', 'stop', 'stop')`,
    );
    const of = { sessionId: 's-stop', turnId: 't-stop', lane: 'session:s-stop' };
    await insertWrite(db, { key: 'under way as it was stopped', state: 'sending', ...of });
    await insertWrite(db, { key: 'the confirmation', closing: true, ...of });
    start(async () => sent);
    await settled('the confirmation', 'sent');
    expect(await statesByKey(db)).toMatchObject({ 'under way as it was stopped': 'cancelled' });
  });

  test('an activity put back into its lane does not follow the closing answer of its turn', async () => {
    await insertWrite(database.db, { key: 'thought', sessionId: 's', turnId: 't' });
    const { perform, begun, release } = stage();
    start(perform, { random: () => 0.01 });
    await until('the thought is under way', () => begun.length === 1);
    await insertWrite(database.db, { key: 'answer', sessionId: 's', turnId: 't', closing: true, priority: 1 });
    await insertWrite(database.db, { key: 'links', sessionId: 's', turnId: 't', kind: 'externalUrls' });
    await release('thought', failing('network'));
    await release('answer');
    await release('links');
    await settled('links', 'sent');
    expect(await statesByKey(database.db)).toEqual({ thought: 'cancelled', answer: 'sent', links: 'sent' });
  });
});

describe('one broker of a credential at a time', () => {
  test('the second waits, and takes over when the first closes', async () => {
    const first = start(async () => sent);
    await until('the first works', () => first.held());
    const second = start(async () => sent, {
      clock: { ...systemClock, sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 20), signal) },
    });
    await insertWrite(database.db, { key: 'w' });
    first.wake();
    second.wake();
    await settled('w', 'sent');
    expect([first.held(), second.held()]).toEqual([true, false]);
    await first.close();
    await until('the second works', () => second.held());
  });

  test('what an earlier one left under way is sent again under the same id', async () => {
    const id = await insertWrite(database.db, { key: 'w', state: 'sending' });
    const ids: string[] = [];
    start(async (write) => {
      ids.push(write.id);
      return sent;
    });
    await settled('w', 'sent');
    expect(ids).toEqual([id]);
  });

  test('when its connection is cut it stops, and comes back without sending again what it is sending', async () => {
    const { perform, begun, release } = stage();
    const broker = start(perform);
    await insertWrite(database.db, { key: 'slow', lane: 'a' });
    broker.wake();
    await until('one is under way', () => begun.length === 1);
    const holders = () =>
      rows<{ pid: number }>(`select pid from pg_stat_activity where application_name like '%(lock)' and datname = current_database()`);
    const [before] = await holders();
    await database.db.query('select pg_terminate_backend($1)', [before?.pid]);
    await until('it is back on another connection', async () => {
      const [now] = await holders();
      return now && now.pid !== before?.pid && broker.held();
    });
    await insertWrite(database.db, { key: 'next', lane: 'b' });
    broker.wake();
    await release('next');
    await release('slow');
    await settled('slow', 'sent');
    expect(begun).toEqual(['slow', 'next']);
  });
});

test('closing lets what is under way end, and takes on nothing more', async () => {
  await insertWrite(database.db, { key: 'one' });
  await insertWrite(database.db, { key: 'two' });
  const { perform, begun, release } = stage();
  const broker = start(perform);
  await until('one is under way', () => begun.length === 1);
  const closed = broker.close();
  await release('one');
  await closed;
  expect(await statesByKey(database.db)).toEqual({ one: 'sent', two: 'queued' });
});

test('closing does not wait for ever for a write that never ends; the next broker sends it again', async () => {
  const id = await insertWrite(database.db, { key: 'w' });
  const { perform, begun } = stage();
  const broker = start(perform);
  await until('it is under way', () => begun.length === 1);
  await broker.close();
  expect(await statesByKey(database.db)).toEqual({ w: 'sending' });
  const ids: string[] = [];
  start(async (write) => {
    ids.push(write.id);
    return sent;
  });
  await settled('w', 'sent');
  expect(ids).toEqual([id]);
});
