import { systemClock } from 'cyrus-core/clock';
import { idOf, systemIds } from 'cyrus-core/ids';
import { silentLog } from 'cyrus-store/log';
import { loadSession } from 'cyrus-store/queries/session-load';
import { type TestDatabase, testDatabase } from 'cyrus-store/testing/database';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createIngest, type Ingest } from '../src/ingest/ingest.ts';
import { configOf } from './support/config.ts';
import { appUserId, createdBody, delivery, promptedBody, secret, unassignedBody, workspace } from './support/webhooks.ts';

let test1: TestDatabase;
let ingest: Ingest;
let told: string[];
const clock = { ...systemClock, skewMs: 0, now: () => Date.now() + clock.skewMs };
const now = (): number => clock.now();

beforeAll(async () => {
  test1 = await testDatabase();
});
afterAll(() => test1.stop());
beforeEach(async () => {
  clock.skewMs = 0;
  told = [];
  await test1.db.query(
    `truncate cyrus.inbox, cyrus.message, cyrus.turn, cyrus.plan, cyrus.session, cyrus.issue, cyrus.outbound_write, cyrus.stop_request,
     cyrus.due, cyrus.input cascade`,
  );
  ingest = createIngest({
    db: test1.db,
    clock,
    ids: systemIds,
    config: () => configOf({ linear: { webhookSecret: secret }, github: { webhookSecret: 'gh-secret' } }),
    hooks: {
      wakeBroker: (credential) => told.push(`broker ${credential}`),
      stopPlan: (plan) => told.push(`stop ${plan}`),
      wakeEngine: () => told.push('engine'),
    },
    log: silentLog,
  });
});

const send = (body: object | string, options?: Parameters<typeof delivery>[1]) => {
  const { raw, headers } = delivery(body, options);
  return ingest.linear(raw, headers);
};
const rows = async <Row = Record<string, unknown>>(sql: string): Promise<readonly Row[]> => (await test1.db.query<Row>(sql)).rows;
const messages = () => rows('select session_id, seq, turn_id, body, signal, author_name from cyrus.message order by session_id, seq');
const count = async (table: string): Promise<number> => (await rows<{ n: number }>(`select count(*) as n from cyrus.${table}`))[0]?.n ?? -1;

async function givePlan(session = 'session-1', issue = 'issue-1'): Promise<void> {
  await test1.db.query(
    `insert into cyrus.plan (id, issue_id, number, state, procedure, repository_id, branch) values ('plan-1', $1, 1, 'running', 'builder', 'r', 'cyrus/b') on conflict do nothing`,
    [issue],
  );
  await test1.db.query(`update cyrus.session set plan_id = 'plan-1' where id = $1`, [session]);
}

test('a creation is stored with its message, an open turn, the first activity and a wake-up, then answered', async () => {
  expect(await send(createdBody({ at: now(), comment: 'Please fix the login' }))).toEqual({ status: 200, body: { outcome: 'accepted' } });
  const turn = idOf('turn:session-1:1');
  expect(await messages()).toEqual([
    { session_id: 'session-1', seq: 1, turn_id: turn, body: 'Please fix the login', signal: null, author_name: 'Ada' },
  ]);
  expect(await rows('select id, session_id, state from cyrus.turn')).toEqual([{ id: turn, session_id: 'session-1', state: 'open' }]);
  expect(await rows('select id, key, credential, lane, priority, kind, payload, state from cyrus.outbound_write')).toEqual([
    {
      id: idOf(`turn:${turn}:ack`),
      key: `turn:${turn}:ack`,
      credential: `linear:${workspace}`,
      lane: 'session:session-1',
      priority: 0,
      kind: 'activity',
      payload: expect.objectContaining({ sessionId: 'session-1', content: { type: 'thought', body: 'Got it. Reading the issue…' } }),
      state: 'queued',
    },
  ]);
  expect(await rows('select id from cyrus.due')).toEqual([{ id: 'session:session-1' }]);
  expect(await rows('select workspace, context, next_seq from cyrus.session')).toEqual([
    { workspace, next_seq: 2, context: { appUserId, guidance: ['Be kind.'], promptContext: '<issue identifier="ENG-1"/>' } },
  ]);
  expect(told).toEqual([`broker linear:${workspace}`, 'engine']);
});

describe('the same thing twice', () => {
  const prompt = (at: number) => promptedBody({ at, activity: 'activity-1', body: 'And the logout' });

  test.each([
    ['byte for byte, with the same delivery id', () => ({ body: prompt(5), again: prompt(5), ids: ['d1', 'd1'] })],
    ['byte for byte, with a new delivery id', () => ({ body: prompt(5), again: prompt(5), ids: ['d1', 'd2'] })],
    ['the same activity with other bytes and another delivery id', () => ({ body: prompt(5), again: prompt(6), ids: ['d1', 'd2'] })],
    [
      'the same delivery id with other bytes',
      () => ({ body: prompt(5), again: promptedBody({ at: 6, activity: 'a2', body: 'x' }), ids: ['d1', 'd1'] }),
    ],
    ['a creation with other bytes', () => ({ body: createdBody({ at: 5 }), again: createdBody({ at: 6 }), ids: ['d1', 'd2'] })],
  ])('%s changes nothing', async (_name, make) => {
    clock.skewMs = -Date.now();
    const { body, again, ids } = make();
    expect((await send(body, { deliveryId: ids[0] ?? '' })).body).toEqual({ outcome: 'accepted' });
    const before = [await messages(), await count('outbound_write'), await count('due'), await count('inbox')];
    told = [];
    expect(await send(again, { deliveryId: ids[1] ?? '' })).toEqual({ status: 200, body: { outcome: 'duplicate' } });
    expect([await messages(), await count('outbound_write'), await count('due'), await count('inbox')]).toEqual(before);
    expect(told).toEqual([]);
  });

  test('at the same moment, twenty times, is one message', async () => {
    const body = prompt(now());
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => send(body, { deliveryId: `d${n}` })));
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(answers.filter(({ body }) => body['outcome'] === 'accepted')).toHaveLength(1);
    expect(await messages()).toHaveLength(1);
  });
});

describe('a prompt before its creation', () => {
  test('begins the session; the empty creation adds only what it knows', async () => {
    await send(promptedBody({ at: now(), activity: 'a1', body: 'Hurry' }));
    expect(await rows('select context from cyrus.session')).toEqual([{ context: { appUserId } }]);
    expect((await send(createdBody({ at: now(), title: 'A newer title' }))).body).toEqual({ outcome: 'accepted' });
    expect((await messages()).map(({ seq, body }) => [seq, body])).toEqual([[1, 'Hurry']]);
    expect(await rows('select context from cyrus.session')).toEqual([
      { context: { appUserId, guidance: ['Be kind.'], promptContext: '<issue identifier="ENG-1"/>' } },
    ]);
    expect(await rows('select title from cyrus.issue')).toEqual([{ title: 'A newer title' }]);
    expect(await count('turn')).toBe(1);
    expect(await count('outbound_write')).toBe(1);
  });

  test('and a creation with words of its own adds its message to the same turn', async () => {
    await send(promptedBody({ at: now(), activity: 'a1', body: 'Hurry' }));
    await send(createdBody({ at: now(), comment: 'Fix the login' }));
    expect((await messages()).map(({ seq, body }) => [seq, body])).toEqual([
      [1, 'Hurry'],
      [2, 'Fix the login'],
    ]);
    expect(await count('turn')).toBe(1);
    expect(await count('outbound_write')).toBe(1);
  });
});

test('messages at the same moment are numbered without a gap into one turn', async () => {
  await Promise.all(Array.from({ length: 12 }, (_, n) => send(promptedBody({ at: now(), activity: `a${n}`, body: `m${n}` }))));
  expect((await messages()).map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  expect(await count('turn')).toBe(1);
  expect(await count('outbound_write')).toBe(1);
});

test('a message after a closed turn opens the next one, with an activity of its own', async () => {
  await send(createdBody({ at: now() }));
  await test1.db.query(`update cyrus.turn set state = 'closed', closed_as = 'response'`);
  await send(promptedBody({ at: now(), activity: 'a1', body: 'More' }));
  expect(await rows('select id, state from cyrus.turn order by opened_at')).toEqual([
    { id: idOf('turn:session-1:1'), state: 'closed' },
    { id: idOf('turn:session-1:2'), state: 'open' },
  ]);
  expect(await rows('select key from cyrus.outbound_write order by seq')).toEqual([
    { key: `turn:${idOf('turn:session-1:1')}:ack` },
    { key: `turn:${idOf('turn:session-1:2')}:ack` },
  ]);
});

describe('a stop', () => {
  async function running(): Promise<void> {
    await send(createdBody({ at: now() }));
    await givePlan();
    const turn = idOf('turn:session-1:1');
    const write = (key: string, columns: string) =>
      test1.db.query(
        `insert into cyrus.outbound_write (id, key, credential, lane, priority, kind, payload, ${columns.split('=')[0]})
         values ($1, $2, 'c', $2, 5, 'activity', '{}', ${columns.split('=')[1]})`,
        [idOf(key), key],
      );
    await write('of the turn', `turn_id=('${turn}')`);
    await write('of the plan', `plan_id=('plan-1')`);
    await write('under way', `plan_id, state=('plan-1'), 'sending'`.replace("('plan-1')", "'plan-1'"));
    await write('the answer', `plan_id, closing='plan-1', true`);
    await write('of another plan', `plan_id='plan-2'`);
    told = [];
  }
  const states = async () =>
    Object.fromEntries(
      (await rows<{ key: string; state: string }>('select key, state from cyrus.outbound_write')).map(({ key, state }) => [key, state]),
    );

  test.each([
    ['by signal', { body: 'whatever', signal: 'stop' }],
    ['by word', { body: ' Stop! ' }],
    ['by word in Russian', { body: 'стоп' }],
  ])('%s is asked for in the same transaction; queued writes of the turn and the plan are withdrawn', async (_name, said) => {
    await running();
    await send(promptedBody({ at: now(), activity: 'a1', ...said }));
    expect(await rows('select plan_id, session_id, requested_by from cyrus.stop_request')).toEqual([
      { plan_id: 'plan-1', session_id: 'session-1', requested_by: 'Ada' },
    ]);
    expect(await states()).toEqual({
      [`turn:${idOf('turn:session-1:1')}:ack`]: 'cancelled',
      'of the turn': 'cancelled',
      'of the plan': 'cancelled',
      'under way': 'sending',
      'the answer': 'queued',
      'of another plan': 'queued',
    });
    expect(told).toEqual(['stop plan-1', 'engine']);
    expect((await messages()).map(({ seq }) => seq)).toEqual([1, 2]);
  });

  test('overtakes what was said before it and comes after it: that begins nothing', async () => {
    const at = now();
    await send(createdBody({ at }));
    await send(promptedBody({ at: at + 2_000, activity: 'a2', body: 'stop', signal: 'stop' }));
    await test1.db.query(`update cyrus.turn set state = 'closed', closed_as = 'response'`);
    await test1.db.query('update cyrus.session set read_seq = 2');
    await send(promptedBody({ at: at + 1_000, activity: 'a1', body: 'Please also do this' }));
    expect(await rows('select seq, signal, turn_id from cyrus.message order by seq')).toMatchObject([
      { seq: 1, signal: null },
      { seq: 2, signal: 'stop' },
      { seq: 3, signal: 'overtaken', turn_id: idOf('turn:session-1:1') },
    ]);
    expect(await count('turn')).toBe(1);
    expect(await rows('select read_seq, next_seq from cyrus.session')).toEqual([{ read_seq: 3, next_seq: 4 }]);
    expect((await test1.db.tx((tx) => loadSession(tx, 'session-1')))?.messages).toEqual([]);
    await send(promptedBody({ at: at + 3_000, activity: 'a3', body: 'Now do this' }));
    expect(await count('turn')).toBe(2);
    expect((await test1.db.tx((tx) => loadSession(tx, 'session-1')))?.messages.map(({ seq }) => seq)).toEqual([4]);
  });

  test('that comes when the closing answer is about to leave has that for its answer', async () => {
    await send(createdBody({ at: now() }));
    await test1.db.query(`update cyrus.turn set state = 'closed', closed_as = 'response'`);
    await test1.db.query('update cyrus.session set read_seq = 1');
    const turn = idOf('turn:session-1:1');
    await test1.db.query(
      `insert into cyrus.outbound_write (id, key, credential, lane, priority, kind, payload, closing, session_id, turn_id)
       values ($1, 'answer', 'c', 'l', 1, 'activity', '{}', true, 'session-1', $2)`,
      [idOf('answer'), turn],
    );
    await send(promptedBody({ at: now(), activity: 'a1', body: 'stop', signal: 'stop' }));
    expect(await count('turn')).toBe(1);
    expect(await rows('select seq, signal, turn_id from cyrus.message where seq = 2')).toEqual([{ seq: 2, signal: 'stop', turn_id: turn }]);
    expect(await rows('select read_seq, next_seq from cyrus.session')).toEqual([{ read_seq: 2, next_seq: 3 }]);
    expect((await states())['answer']).toBe('queued');
    await test1.db.query(`update cyrus.outbound_write set state = 'sent'`);
    await send(promptedBody({ at: now() + 1, activity: 'a2', body: 'stop', signal: 'stop' }));
    expect(await count('turn')).toBe(2);
  });

  test('talk about stopping is none', async () => {
    await running();
    await send(promptedBody({ at: now(), activity: 'a1', body: 'Please stop logging passwords' }));
    expect(await count('stop_request')).toBe(0);
  });

  test('when nothing runs is a message without a first activity: its answer follows at once', async () => {
    await send(promptedBody({ at: now(), activity: 'a1', body: 'stop' }));
    expect(await count('stop_request')).toBe(0);
    expect(await count('outbound_write')).toBe(0);
    expect(await rows('select state from cyrus.turn')).toEqual([{ state: 'open' }]);
    expect(await rows('select id from cyrus.due')).toEqual([{ id: 'session:session-1' }]);
  });

  test('twice is one request and two messages', async () => {
    await running();
    await Promise.all([
      send(promptedBody({ at: now(), activity: 'a1', body: 'stop' })),
      send(promptedBody({ at: now(), activity: 'a2', body: 'stop' })),
    ]);
    expect(await count('stop_request')).toBe(1);
    expect(await count('message')).toBe(3);
  });

  test('an unassignment stops every session of the issue that has work under way, once', async () => {
    await running();
    await send(createdBody({ at: now(), session: 'session-2' }));
    await send(createdBody({ at: now(), session: 'session-3' }));
    await test1.db.query(`update cyrus.turn set state = 'closed', closed_as = 'response' where session_id = 'session-3'`);
    await send(createdBody({ at: now(), session: 'elsewhere', issue: 'issue-2' }));
    told = [];
    expect((await send(unassignedBody({ at: now(), notification: 'n1' }))).body).toEqual({ outcome: 'accepted' });
    expect(await send(unassignedBody({ at: now() + 1, notification: 'n1' }))).toEqual({ status: 200, body: { outcome: 'duplicate' } });
    expect((await messages()).filter(({ signal }) => signal === 'stop').map(({ session_id }) => session_id)).toEqual([
      'session-1',
      'session-2',
    ]);
    expect(await rows('select plan_id from cyrus.stop_request')).toEqual([{ plan_id: 'plan-1' }]);
    expect(told).toEqual(['stop plan-1', 'engine']);
  });
});

describe('what is refused, with nothing stored', () => {
  const hour = 3_600_000;
  test.each<[string, () => { raw: Buffer; headers: Record<string, unknown> }, number]>([
    ['another secret', () => delivery(createdBody({ at: now() }), { secret: 'guess' }), 401],
    ['no signature', () => ({ ...delivery(createdBody({ at: now() })), headers: {} }), 401],
    ['a changed body', () => ({ ...delivery(createdBody({ at: now() })), raw: delivery(createdBody({ at: now() + 1 })).raw }), 401],
    ['malformed JSON, signed', () => delivery('{"type":'), 400],
    ['JSON that is no object, signed', () => delivery('[1]'), 400],
    ['nothing, signed', () => delivery(''), 400],
    ['no time in it', () => delivery({ ...createdBody({ at: now() }), webhookTimestamp: undefined }), 400],
    ['more than a day old', () => delivery(createdBody({ at: now() - 25 * hour })), 401],
    ['more than a day in the future', () => delivery(createdBody({ at: now() + 25 * hour })), 401],
    ['nested 100,000 deep', () => delivery(`{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`), 400],
    ['larger than 5 MiB', () => delivery({ ...createdBody({ at: now() }), padding: 'x'.repeat(5 * 1024 * 1024) }), 413],
  ])('%s', async (_name, make, status) => {
    const { raw, headers } = make();
    expect((await ingest.linear(raw, headers as never)).status).toBe(status);
    expect(await count('inbox')).toBe(0);
  });

  test('a workspace may not sign for another one', async () => {
    const config = configOf({
      linearWorkspaces: {
        'workspace-2': { linearToken: 't', webhookSecret: secret },
        [workspace]: { linearToken: 't', webhookSecret: 'own' },
      },
    });
    const strict = createIngest({ db: test1.db, clock, ids: systemIds, config: () => config, hooks: noHooks, log: silentLog });
    const forged = delivery(createdBody({ at: now() }));
    expect((await strict.linear(forged.raw, forged.headers)).status).toBe(401);
    const real = delivery(createdBody({ at: now() }), { secret: 'own' });
    expect((await strict.linear(real.raw, real.headers)).status).toBe(200);
  });
});

const noHooks = { wakeBroker: () => undefined, stopPlan: () => undefined, wakeEngine: () => undefined };

test('a redelivery after an hour and after 23 hours is taken if the first was not stored', async () => {
  const sent = now();
  const first = delivery(createdBody({ at: sent }));
  clock.skewMs = 23 * 3_600_000;
  expect((await ingest.linear(first.raw, first.headers)).body).toEqual({ outcome: 'accepted' });
});

test('when it cannot be stored the answer is 503, and the redelivery is taken', async () => {
  const { raw, headers } = delivery(createdBody({ at: now() }));
  await test1.db.query('alter table cyrus.message rename to message_gone');
  try {
    expect((await ingest.linear(raw, headers)).status).toBe(503);
    expect(told).toEqual([]);
  } finally {
    await test1.db.query('alter table cyrus.message_gone rename to message');
  }
  expect(await count('inbox')).toBe(0);
  clock.skewMs = 3_600_000;
  expect((await ingest.linear(raw, headers)).body).toEqual({ outcome: 'accepted' });
  expect((await ingest.linear(raw, headers)).body).toEqual({ outcome: 'duplicate' });
  expect(await count('message')).toBe(1);
});

test('when storing takes too long the answer is 503 within five seconds, and the late commit makes the redelivery a duplicate', async () => {
  const { raw, headers } = delivery(createdBody({ at: now() }));
  const locked = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const blocked = test1.db.tx(async (tx) => {
    await tx.query('lock table cyrus.inbox in exclusive mode');
    locked.resolve();
    await release.promise;
  });
  try {
    await locked.promise;
    expect((await ingest.linear(raw, headers)).status).toBe(503);
  } finally {
    release.resolve();
    await blocked;
  }
  await expect.poll(() => count('message')).toBe(1);
  expect((await ingest.linear(raw, headers)).body).toEqual({ outcome: 'duplicate' });
});

describe('strange text', () => {
  test.each([
    ['NUL and lone surrogates', 'a\u0000b\ud800c\udfff', /^a.?b\ufffdc\ufffd$/],
    ['a megabyte', 'é'.repeat(500_000), /^é{500000}$/],
    ['right-to-left, emoji and shell syntax', '\u202e$(rm -rf /) `x` 👩‍💻; drop table', /\$\(rm -rf \/\) `x` 👩‍💻; drop table$/],
  ])('%s is only text', async (_name, text, stored) => {
    expect((await send(promptedBody({ at: now(), activity: 'a1', body: text, title: text }))).status).toBe(200);
    expect((await messages())[0]?.['body']).toMatch(stored);
  });
});

describe('what is of no interest is answered 200 and recorded with the reason', () => {
  test.each([
    ['an event unknown today', { type: 'Starship', action: 'launched' }, 'Starship'],
    ['a session event with a new action', { ...createdBody({ at: 0 }), action: 'pondered' }, 'AgentSessionEvent pondered'],
    ['an issue that was created', { type: 'Issue', action: 'create', data: {} }, 'Issue create'],
    ['a malformed session event', { ...createdBody({ at: 0 }), agentSession: 7 }, 'malformed AgentSessionEvent'],
    [
      'what we said ourselves',
      promptedBody({ at: 0, activity: 'a', body: 'hi', user: { id: appUserId, name: 'Cyrus' } }),
      'said by ourselves',
    ],
  ])('%s', async (_name, body, reason) => {
    const answer = await send({ ...body, webhookTimestamp: now() });
    expect(answer).toEqual({ status: 200, body: { outcome: 'ignored', reason: expect.stringContaining(reason) } });
    expect(await rows(`select body ->> 'ignored' as reason from cyrus.inbox`)).toEqual([{ reason: expect.stringContaining(reason) }]);
    expect(await count('session')).toBe(0);
    expect(told).toEqual([]);
  });
});

test('a session about no issue is told so, once', async () => {
  const body = createdBody({ at: now() });
  const noIssue = { ...body, agentSession: { id: 'session-9', creator: null, issue: null } };
  await send(noIssue);
  await send({ ...noIssue, webhookTimestamp: now() - 1 });
  expect(await rows(`select lane, payload -> 'content' ->> 'type' as type, closing from cyrus.outbound_write`)).toEqual([
    { lane: 'session:session-9', type: 'error', closing: true },
  ]);
  expect(told).toEqual([`broker linear:${workspace}`]);
});

describe('at a terminal', () => {
  const task = {
    sessionId: 'cli-1',
    issue: { id: 'cli-issue', identifier: 'CLI-1', title: 'Add a flag', description: 'x\u0000y' },
    workspace: 'cli',
    body: 'Add a flag',
    author: 'me',
  };

  test('a task is taken in once, a message and a stop follow', async () => {
    expect(await ingest.submit(task)).toMatchObject({ sessionId: 'cli-1', seq: 1, opened: true, credential: 'cli' });
    expect(await ingest.submit(task)).toBeNull();
    expect(await ingest.say('cli-1', { body: 'and a test', author: 'me', id: 'm1' })).toMatchObject({ seq: 2, opened: false });
    expect(await ingest.say('cli-1', { body: 'and a test', author: 'me', id: 'm1' })).toBeNull();
    await givePlan('cli-1', 'cli-issue');
    expect(await ingest.say('cli-1', { body: 'stop', signal: 'stop', author: 'me' })).toMatchObject({ seq: 3, stopPlanId: 'plan-1' });
    expect(await rows('select credential, lane, state from cyrus.outbound_write')).toEqual([
      { credential: 'cli', lane: 'session:cli-1', state: 'cancelled' },
    ]);
    expect(await rows('select source, event from cyrus.inbox order by id')).toEqual([
      { source: 'cli', event: 'task' },
      { source: 'cli', event: 'message' },
      { source: 'cli', event: 'message' },
    ]);
    expect(told).toEqual(['broker cli', 'engine', 'engine', 'stop plan-1', 'engine']);
  });

  test('a message to a session that is not there is an error and leaves nothing', async () => {
    await expect(ingest.say('nowhere', { body: 'hi', author: 'me' })).rejects.toThrow('no session nowhere');
    expect(await count('inbox')).toBe(0);
  });

  test('a message may go to a session of Linear', async () => {
    await send(createdBody({ at: now() }));
    expect(await ingest.say('session-1', { body: 'from the terminal', author: 'me' })).toMatchObject({ seq: 2, opened: false });
  });
});
