import type { Database, Tx } from 'cyrus-store/pool';
import type { Arrival } from 'cyrus-store/queries/inbox-insert';
import { type TestDatabase, testDatabase } from 'cyrus-store/testing/database';
import { takeDue } from 'cyrus-store/wake';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { advanceSession } from '../src/advance/session.ts';
import { accept, type Request } from '../src/ingest/accept.ts';
import { configOf } from './support/config.ts';
import { interleave } from './support/interleave.ts';

// Hundreds of schedules a test, on a machine that may be busy.
vi.setConfig({ testTimeout: 300_000 });

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.stop());

const sessionOf = (n: number) => ({
  id: `session-${n}`,
  source: 'linear',
  workspace: 'w',
  issue: { id: `issue-${n}`, identifier: 'ENG-1', title: 'Fix it', description: '', url: null },
  context: {},
});

function prompt(n: number, activity: string, body = activity): [Arrival, Request] {
  const eventKey = `prompted:session-${n}:${activity}`;
  return [
    { source: 'linear', bodySha256: eventKey, deliveryId: null, eventKey, event: 'session-prompted', body: '{}' },
    {
      kind: 'message',
      opens: false,
      session: sessionOf(n),
      saying: { activityId: activity, authorId: 'ada', authorName: 'Ada', body, signal: null },
    },
  ];
}

function creation(n: number, body: string): [Arrival, Request] {
  const eventKey = `created:session-${n}`;
  return [
    { source: 'linear', bodySha256: eventKey, deliveryId: null, eventKey, event: 'session-created', body: '{}' },
    {
      kind: 'message',
      opens: true,
      session: { ...sessionOf(n), context: { appUserId: 'app' } },
      saying: { activityId: null, authorId: 'ada', authorName: 'Ada', body, signal: null },
    },
  ];
}

interface Message {
  readonly seq: number;
  readonly body: string;
  readonly turn_id: string;
}
const messagesOf = async (n: number): Promise<readonly Message[]> =>
  (await database.db.query<Message>('select seq, body, turn_id from cyrus.message where session_id = $1 order by seq', [`session-${n}`]))
    .rows;
const one = async <T>(sql: string, ...parameters: unknown[]): Promise<T> =>
  Object.values((await database.db.query<Record<string, T>>(sql, parameters)).rows[0] ?? {})[0] as T;

describe('two arrivals at once, in every order of their statements', () => {
  /** One turn with one first activity; messages numbered 1, 2, … without a gap. */
  async function oneTurnWith(n: number, bodies: readonly string[]): Promise<void> {
    const messages = await messagesOf(n);
    expect(messages.map(({ seq }) => seq)).toEqual(bodies.map((_, index) => index + 1));
    expect(messages.map(({ body }) => body).sort()).toEqual([...bodies].sort());
    expect(new Set(messages.map(({ turn_id }) => turn_id)).size).toBe(1);
    expect(await one('select count(*) from cyrus.turn where session_id = $1', `session-${n}`)).toBe(1);
    expect(await one('select count(*) from cyrus.outbound_write where session_id = $1', `session-${n}`)).toBe(1);
    expect(await one('select next_seq from cyrus.session where id = $1', `session-${n}`)).toBe(bodies.length + 1);
  }

  test('two messages to a session that is there', async () => {
    const schedules = await interleave({
      db: database.db,
      prepare: async (n) => {
        await database.db.tx((tx) => accept(tx, ...creation(n, 'request')));
        return n;
      },
      a: (tx, n) => accept(tx, ...prompt(n, 'one')),
      b: (tx, n) => accept(tx, ...prompt(n, 'two')),
      check: (n) => oneTurnWith(n, ['request', 'one', 'two']),
    });
    expect(schedules.length).toBeGreaterThan(10);
  });

  test('a prompt and the creation of its session', async () => {
    const schedules = await interleave({
      db: database.db,
      prepare: async (n) => n + 10_000,
      a: (tx, n) => accept(tx, ...prompt(n, 'one')),
      b: (tx, n) => accept(tx, ...creation(n, 'request')),
      check: (n) => oneTurnWith(n, ['one', 'request']),
    });
    expect(schedules.length).toBeGreaterThan(10);
  });

  test('the same delivery twice', async () => {
    const outcomes: string[] = [];
    const schedules = await interleave({
      db: database.db,
      prepare: async (n) => {
        outcomes.length = 0;
        return n + 20_000;
      },
      a: async (tx, n) => outcomes.push((await accept(tx, ...prompt(n, 'one'))).outcome),
      b: async (tx, n) => outcomes.push((await accept(tx, ...prompt(n, 'one'))).outcome),
      check: async (n) => {
        expect([...outcomes].sort()).toEqual(['accepted', 'duplicate']);
        await oneTurnWith(n, ['one']);
      },
    });
    expect(schedules.length).toBeGreaterThan(2);
  });

  test('two sessions of one new issue', async () => {
    const schedules = await interleave({
      db: database.db,
      prepare: async (n) => n + 30_000,
      a: (tx, n) => accept(tx, ...prompt(n, 'one')),
      b: (tx, n) => {
        const [arrival, request] = prompt(n + 100_000, 'two');
        if (request.kind !== 'message') throw new Error('not a message');
        return accept(tx, arrival, { ...request, session: { ...request.session, issue: sessionOf(n).issue } });
      },
      check: async (n) => {
        await oneTurnWith(n, ['one']);
        await oneTurnWith(n + 100_000, ['two']);
      },
    });
    expect(schedules.length).toBeGreaterThan(10);
  });
});

test('webhooks wait for few answers of the database: whatever needs none leaves with the commit', async () => {
  const answers = (arrival: Arrival, request: Request): Promise<number> =>
    database.db.tx(async (tx) => {
      let asked = 0;
      const query: Tx['query'] = (sql, parameters) => {
        asked++;
        return tx.query<never>(sql, parameters);
      };
      expect(await accept({ ...tx, query }, arrival, request)).toMatchObject({ outcome: 'accepted' });
      return asked;
    });
  expect(await answers(...creation(70_000, 'request'))).toBe(2);
  expect(await answers(...prompt(70_000, 'one'))).toBe(3);
});

describe('a message at every point of a closing turn is answered exactly once', () => {
  const config = configOf({ repositories: [{ id: 'r', remoteUrl: 'https://github.com/acme/app.git' }] });
  const advance = advanceSession(
    () => config,
    (_issue, number) => `cyrus/${number}`,
  );
  const details = {
    state: null,
    teamStates: [],
    teamKey: 'ENG',
    projectName: null,
    projectId: null,
    labels: [],
    assigneeId: null,
    delegateId: null,
    hasChildren: false,
    hasParent: false,
    comments: [],
  };
  const issue = { identifier: 'ENG-1', title: 'Fix it', description: '', url: null, details };

  /** What the engine does with one due entity, sessions only. False: nothing was due. */
  async function advanceOne(tx: Tx, n: number): Promise<boolean> {
    const taken = await takeDue(tx);
    if (!taken) return false;
    if (taken.entity === `session:session-${n}`) await advance.run(tx, `session-${n}`, taken.now);
    return true;
  }

  const tell = async (db: Database, entity: string, kind: string, payload: object): Promise<void> => {
    await db.query('insert into cyrus.input (entity, kind, payload) values ($1, $2, $3)', [entity, kind, JSON.stringify(payload)]);
    await db.query('insert into cyrus.due (id, at) values ($1, clock_timestamp())', [entity]);
  };

  /** Moves everything to its end as the rest of the service would: issues are read, plans run and finish. Woken by due rows alone. */
  async function finish(n: number): Promise<void> {
    const { db } = database;
    for (let rounds = 0; rounds < 50; rounds++) {
      while (await db.tx((tx) => advanceOne(tx, n)));
      const job = await one<string | undefined>(
        `select id from cyrus.host_job where session_id = $1 and state = 'queued' limit 1`,
        `session-${n}`,
      );
      const plan = await one<string | undefined>(
        `select id from cyrus.plan where issue_id = $1 and state not in ('done', 'failed', 'stopped')`,
        `issue-${n}`,
      );
      if (job) {
        await db.query(`update cyrus.host_job set state = 'done' where id = $1`, [job]);
        await tell(db, `session:session-${n}`, 'job', { jobId: job, kind: 'issue', state: 'done', result: { issue }, failure: null });
      } else if (plan) {
        const through = await one<number>(
          `select coalesce(max((payload ->> 'seq')::int), 0) from cyrus.input where entity = $1 and kind = 'message'`,
          `plan:${plan}`,
        );
        await db.query(`update cyrus.plan set state = 'done', ended_at = clock_timestamp() where id = $1`, [plan]);
        const answer = { kind: 'response', body: `done with ${plan}` };
        await tell(db, `session:session-${n}`, 'plan_finished', { planId: plan, state: 'done', through, answer });
      } else return;
    }
    throw new Error('it never comes to an end');
  }

  /** Every message went to a plan once, every turn is closed, and each has exactly one closing answer. */
  async function answeredOnce(n: number, bodies: readonly string[]): Promise<void> {
    await finish(n);
    const messages = await messagesOf(n);
    expect(messages.map(({ body }) => body)).toEqual(bodies);
    const session = `session-${n}`;
    const { rows: forwarded } = await database.db.query<{ seq: number }>(
      `select (payload ->> 'seq')::int as seq from cyrus.input where kind = 'message' and payload ->> 'sessionId' = $1 order by 1`,
      [session],
    );
    expect(
      forwarded.map(({ seq }) => seq),
      'each message goes to a plan once',
    ).toEqual(messages.map(({ seq }) => seq));
    const { rows: turns } = await database.db.query<{ id: string; state: string; answers: number }>(
      `select t.id, t.state, (select count(*) from cyrus.outbound_write w where w.turn_id = t.id and w.closing and w.state <> 'cancelled') as answers
       from cyrus.turn t where t.session_id = $1`,
      [session],
    );
    for (const turn of turns) expect(turn).toMatchObject({ state: 'closed', answers: 1 });
    for (const { turn_id } of messages) expect(turns.map(({ id }) => id)).toContain(turn_id);
    expect(await one('select read_seq from cyrus.session where id = $1', session)).toBe(bodies.length);
  }

  /** A session whose plan has just finished: its next advance closes the turn. */
  async function aboutToClose(n: number): Promise<number> {
    const { db } = database;
    await db.query('delete from cyrus.due');
    await db.tx((tx) => accept(tx, ...creation(n, 'request')));
    while (await db.tx((tx) => advanceOne(tx, n)));
    const job = await one<string>(`select id from cyrus.host_job where session_id = $1`, `session-${n}`);
    await db.query(`update cyrus.host_job set state = 'done' where id = $1`, [job]);
    await tell(db, `session:session-${n}`, 'job', { jobId: job, kind: 'issue', state: 'done', result: { issue }, failure: null });
    while (await db.tx((tx) => advanceOne(tx, n)));
    const plan = await one<string>('select id from cyrus.plan where issue_id = $1', `issue-${n}`);
    await db.query(`update cyrus.plan set state = 'done', ended_at = clock_timestamp() where id = $1`, [plan]);
    await tell(db, `session:session-${n}`, 'plan_finished', {
      planId: plan,
      state: 'done',
      through: 1,
      answer: { kind: 'response', body: 'done' },
    });
    return n;
  }

  test('one message', async () => {
    const turns = new Set<number>();
    const schedules = await interleave({
      db: database.db,
      prepare: (n) => aboutToClose(n + 40_000),
      a: (tx, n) => advanceOne(tx, n),
      b: (tx, n) => accept(tx, ...prompt(n, 'one more thing')),
      check: async (n) => {
        await answeredOnce(n, ['request', 'one more thing']);
        turns.add(await one<number>('select count(*) from cyrus.turn where session_id = $1', `session-${n}`));
      },
    });
    expect(schedules.length).toBeGreaterThan(10);
    expect([...turns].sort(), 'it joined the turn in some schedules and opened the next in others').toEqual([1, 2]);
  });

  test('the same message delivered while the first delivery is being decided on', async () => {
    const schedules = await interleave({
      db: database.db,
      prepare: async (n) => {
        await aboutToClose(n + 50_000);
        await database.db.tx((tx) => accept(tx, ...prompt(n + 50_000, 'one more thing')));
        return n + 50_000;
      },
      a: (tx, n) => advanceOne(tx, n),
      b: (tx, n) => accept(tx, ...prompt(n, 'one more thing')),
      check: (n) => answeredOnce(n, ['request', 'one more thing']),
    });
    expect(schedules.length).toBeGreaterThan(5);
  });

  test('a stop', async () => {
    const schedules = await interleave({
      db: database.db,
      prepare: (n) => aboutToClose(n + 60_000),
      a: (tx, n) => advanceOne(tx, n),
      b: (tx, n) => accept(tx, ...prompt(n, 'stop')),
      check: async (n) => {
        await finish(n);
        const { rows } = await database.db.query<{ state: string; answers: number }>(
          `select t.state, (select count(*) from cyrus.outbound_write w where w.turn_id = t.id and w.closing and w.state <> 'cancelled') as answers
           from cyrus.turn t where t.session_id = $1`,
          [`session-${n}`],
        );
        for (const turn of rows) expect(turn).toEqual({ state: 'closed', answers: 1 });
        expect(await one('select read_seq from cyrus.session where id = $1', `session-${n}`)).toBe(2);
      },
    });
    expect(schedules.length).toBeGreaterThan(10);
  });
});

test('the harness sees two transactions that lock each other out', async () => {
  const { db } = database;
  await db.query(`insert into cyrus.dispatcher values ('x'), ('y')`);
  const lock = (id: string) => `select from cyrus.dispatcher where id = '${id}' for update`;
  await expect(
    interleave({
      db,
      prepare: async () => undefined,
      a: async (tx) => [await tx.query(lock('x')), await tx.query(lock('y'))],
      b: async (tx) => [await tx.query(lock('y')), await tx.query(lock('x'))],
      check: async () => undefined,
    }),
  ).rejects.toThrow(/schedule .*lock each other out/);
});

test('the harness finds a lost update, and runs every order of two times two steps', async () => {
  const { db } = database;
  const read = async (tx: Tx): Promise<number> =>
    (await tx.query<{ n: number }>(`select next_seq as n from cyrus.session where id = 'counter'`)).rows[0]?.n ?? 0;
  const increment = async (tx: Tx): Promise<unknown> =>
    tx.query(`update cyrus.session set next_seq = $1 where id = 'counter'`, [(await read(tx)) + 1]);
  const found: number[] = [];
  await db.tx((tx) => accept(tx, ...creation(99, 'x')));
  const schedules = await interleave({
    db,
    prepare: async () => {
      await db.query(`delete from cyrus.session where id = 'counter'`);
      await db.query(`insert into cyrus.session (id, source, workspace, issue_id, next_seq) values ('counter', 'cli', 'w', 'issue-99', 0)`);
    },
    a: increment,
    b: increment,
    check: async () => {
      found.push(await one<number>(`select next_seq from cyrus.session where id = 'counter'`));
    },
  });
  expect(new Set(found)).toEqual(new Set([1, 2]));
  expect(new Set(schedules).size).toBe(schedules.length);
  // Three steps each (read, update, commit) make 20 orders; in 6 of them the second to update would commit first, and it cannot.
  expect(schedules.length).toBe(14);
});
