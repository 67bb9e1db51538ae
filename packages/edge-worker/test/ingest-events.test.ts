import { systemClock } from 'cyrus-core/clock';
import { systemIds } from 'cyrus-core/ids';
import { silentLog } from 'cyrus-store/log';
import { claimWrites } from 'cyrus-store/queries/outbound-claim';
import { insertCredentialEvent } from 'cyrus-store/queries/outbound-credential-event';
import { saveIssue } from 'cyrus-store/queries/session-save';
import { readStatus } from 'cyrus-store/queries/status-read';
import { type TestDatabase, testDatabase } from 'cyrus-store/testing/database';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createIngest, type Ingest } from '../src/ingest/ingest.ts';
import { configOf } from './support/config.ts';
import { until } from './support/until.ts';
import {
  appBody,
  appUserId,
  createdBody,
  delivery,
  type IssueChange,
  issueBody,
  promptedBody,
  secret,
  unassignedBody,
  workspace,
} from './support/webhooks.ts';

let database: TestDatabase;
let ingest: Ingest;
let told: string[];
let issueUpdateTrigger: boolean;
/** Every event of a test happened a while ago: what is said as it arrives comes after them. */
const past = Date.now() - 3_600_000;

beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.stop());
beforeEach(async () => {
  told = [];
  issueUpdateTrigger = true;
  await database.db.query(
    `truncate cyrus.inbox, cyrus.message, cyrus.turn, cyrus.plan, cyrus.session, cyrus.issue, cyrus.outbound_write, cyrus.stop_request,
     cyrus.due, cyrus.input, cyrus.event cascade`,
  );
  ingest = createIngest({
    db: database.db,
    clock: systemClock,
    ids: systemIds,
    config: () => configOf({ issueUpdateTrigger, linear: { webhookSecret: secret } }),
    hooks: {
      wakeBroker: () => undefined,
      stopPlan: (plan) => told.push(`stop ${plan}`),
      wakeEngine: () => undefined,
      forgetTokens: (of) => told.push(`forget ${of}`),
    },
    log: silentLog,
  });
});

const send = async (body: object, deliveryId?: string): Promise<unknown> => {
  const { raw, headers } = delivery(body, deliveryId === undefined ? {} : { deliveryId });
  const answer = await ingest.linear(raw, headers);
  expect(answer.status).toBe(200);
  return answer.body['outcome'];
};
const rows = async <Row = Record<string, unknown>>(sql: string, values: unknown[] = []): Promise<readonly Row[]> =>
  (await database.db.query<Row>(sql, values)).rows;
/** What was placed into sessions besides what began them. */
const placed = async (): Promise<readonly { session: string; body: string; signal: string | null }[]> =>
  rows('select session_id as session, body, signal from cyrus.message where seq > 1 order by session_id, seq');
const stops = async (): Promise<readonly unknown[]> => rows('select plan_id, requested_by, reason from cyrus.stop_request');
const issueRow = async (): Promise<Record<string, unknown> | undefined> => (await rows('select * from cyrus.issue'))[0];

/** An issue that was read, with a live plan that all of its sessions follow. */
async function atWork(sessions: readonly string[] = ['session-1'], state = 'running'): Promise<void> {
  for (const [n, session] of sessions.entries()) await send(createdBody({ at: past + n, session }));
  const details = {
    state: { id: 'state-started', name: 'started', type: 'started', position: 1 },
    teamId: 'team-1',
    teamKey: 'ENG',
    labels: [],
  };
  await rows(`update cyrus.issue set details = $1, changed_at = to_timestamp($2::float8 / 1000)`, [JSON.stringify(details), past]);
  await rows(
    `insert into cyrus.plan (id, issue_id, number, state, procedure, repository_id, branch) values ('plan-1', 'issue-1', 1, $1, 'builder', 'r', 'b')`,
    [state],
  );
  await rows(`update cyrus.session set plan_id = 'plan-1'`);
}

const edited = (more: Partial<IssueChange> = {}): Record<string, unknown> =>
  issueBody({ at: past + 1000, title: 'Mend it', description: 'It *is* broken.', from: { title: 'Fix it' }, ...more });
const closed = (more: Partial<IssueChange> = {}): Record<string, unknown> =>
  issueBody({ at: past + 1000, state: 'completed', from: { stateId: 'state-started' }, ...more });

describe('an edit', () => {
  test('is in the row, and the work hears of it once, with the words before and after and who wrote them', async () => {
    await atWork(['session-1', 'session-2']);
    expect(await send(edited())).toBe('accepted');
    expect(await issueRow()).toMatchObject({ title: 'Mend it', description: 'It *is* broken.' });
    const [notice, ...others] = await placed();
    expect(others).toEqual([]);
    expect(notice).toMatchObject({ session: 'session-1', signal: 'edited' });
    expect(notice?.body).toMatch(/^Ada edited the issue while you work on it\./);
    for (const part of [
      '<title-now>\nMend it\n</title-now>',
      '<title-before>\nFix it\n</title-before>',
      '<description-now>\nIt *is* broken.\n</description-now>',
      '<description-before>\nIt is broken.\n</description-before>',
    ])
      expect(notice?.body).toContain(part);
    expect(await rows(`select distinct id from cyrus.due where id = 'session:session-1'`)).toHaveLength(1);
    expect(await stops()).toEqual([]);
  });

  test('told again, with other bytes, changes nothing', async () => {
    await atWork();
    await send(edited());
    expect(await send({ ...edited(), webhookTimestamp: past + 7 })).toBe('duplicate');
    expect(await placed()).toHaveLength(1);
  });

  test('that another change overtook is told with that change, but by nobody; what we did ourselves tells none of it', async () => {
    await atWork();
    const change = { description: 'It *is* broken.', title: 'Fix it' };
    await send(issueBody({ ...change, at: past + 3000, from: { priority: 1 }, actor: { id: appUserId, name: 'Cyrus', type: 'user' } }));
    expect(await placed()).toEqual([]);
    await send(issueBody({ ...change, at: past + 2000, from: { labelIds: [] }, actor: { id: 'bob', name: 'Bob', type: 'user' } }));
    await send(issueBody({ ...change, at: past + 1000, from: { description: 'It is broken.' } }));
    expect((await placed()).map(({ body }) => body.split('.')[0])).toEqual(['Somebody edited the issue while you work on it']);
  });

  test('delivered many times at one moment, among others, is heard once each, and the last word stays', async () => {
    await atWork(['session-1', 'session-2']);
    const edits = Array.from({ length: 6 }, (_, n) => edited({ at: past + 1000 * (n + 1), title: `Title ${n}`, from: { title: 'x' } }));
    const answers = await Promise.all([...edits, ...edits, ...edits].map((body) => send(body)));
    expect(answers.filter((outcome) => outcome === 'accepted')).toHaveLength(6);
    expect(await issueRow()).toMatchObject({ title: 'Title 5' });
    const notices = await placed();
    expect(notices.length).toBeGreaterThan(0);
    // However they overtook each other, each notice begins where the one before it ended.
    const titles = notices.map(({ body }) => [/<title-before>\n(.*)\n/.exec(body)?.[1], /<title-now>\n(.*)\n/.exec(body)?.[1]]);
    expect(titles[0]?.[0]).toBe('Fix it');
    expect(titles.at(-1)?.[1]).toBe('Title 5');
    for (const [n, [before]] of titles.slice(1).entries()) expect(before).toBe(titles[n]?.[1]);
  });

  test('that arrives after a later one is passed over: the later one told it all', async () => {
    await atWork();
    await send(edited({ at: past + 2000, title: 'Third', from: { title: 'Second' } }));
    await send(edited({ at: past + 1000, title: 'Second', from: { title: 'Fix it' } }));
    expect(await issueRow()).toMatchObject({ title: 'Third' });
    const notices = await placed();
    expect(notices).toHaveLength(1);
    expect(notices[0]?.body).toContain('<title-before>\nFix it\n</title-before>');
    expect(notices[0]?.body).not.toContain('Second');
  });

  test.each<[string, Partial<IssueChange>]>([
    ['that we made ourselves', { actor: { id: appUserId, name: 'Cyrus', type: 'user' } }],
    ['of labels alone', { title: 'Fix it', description: 'It is broken.', from: { labelIds: [] } }],
  ])('%s is no news for the agent', async (_name, change) => {
    await atWork();
    await send(edited(change));
    expect(await placed()).toEqual([]);
    expect((await issueRow())?.['details']).toMatchObject({ labels: ['Bug'], priority: 'High', teamId: 'team-1' });
  });

  test.each([
    [
      'with issueUpdateTrigger off',
      async () => {
        issueUpdateTrigger = false;
      },
      'running',
    ],
    ['while the plan is parked', async () => undefined, 'parked'],
    ['while nothing is owed', async () => void (await rows(`update cyrus.turn set state = 'closed'`)), 'running'],
    [
      'while it is being stopped',
      async () => void (await rows(`insert into cyrus.stop_request (plan_id, requested_by) values ('plan-1', 'Ada')`)),
      'running',
    ],
  ])('%s is only in the row', async (_name, prepare, state) => {
    await atWork(['session-1'], state);
    await prepare();
    await send(edited());
    expect(await issueRow()).toMatchObject({ title: 'Mend it' });
    expect(await placed()).toEqual([]);
  });

  test('before any work began is only in the row, and a reading that is older does not undo it', async () => {
    await send(createdBody({ at: past }));
    await send(edited());
    expect(await placed()).toEqual([]);
    const read = { identifier: 'ENG-1', title: 'Fix it', description: 'It is broken.', url: null };
    const details = { labels: ['x'], updatedAt: new Date(past).toISOString() } as never;
    await database.db.tx((tx) => saveIssue(tx, 'issue-1', { ...read, details }));
    expect(await issueRow()).toMatchObject({ title: 'Mend it', details: { labels: ['x'] } });
    const newer = { labels: [], updatedAt: new Date(past + 5000).toISOString() } as never;
    await database.db.tx((tx) => saveIssue(tx, 'issue-1', { ...read, title: 'Read later', details: newer }));
    expect(await issueRow()).toMatchObject({ title: 'Read later' });
  });

  test('of an issue that nobody asked us about leaves nothing but its arrival', async () => {
    await send(edited({ issue: 'another' }));
    expect(await rows('select id from cyrus.issue')).toEqual([]);
    expect(await rows('select event from cyrus.inbox')).toEqual([{ event: 'issue-updated' }]);
  });
});

describe('work ends', () => {
  test.each<[string, () => Record<string, unknown>, string]>([
    ['when a person closes the issue', () => closed(), 'Ada moved the issue to Done.'],
    ['when an automation closes it', () => closed({ actor: null }), 'Somebody moved the issue to Done.'],
    [
      'when the delegate is taken away',
      () => issueBody({ at: past + 1000, delegate: null, from: { delegateId: appUserId } }),
      'Ada took the issue away.',
    ],
    [
      'when it is given to another agent',
      () => issueBody({ at: past + 1000, delegate: 'other', from: { delegateId: appUserId } }),
      'Ada took the issue away.',
    ],
    [
      'when Linear says that it is no longer ours',
      () => unassignedBody({ notification: 'n1', at: past + 1000 }),
      'Ada took the issue away.',
    ],
    ['when the issue is deleted', () => issueBody({ at: past + 1000, action: 'remove' }), 'Ada deleted or archived the issue.'],
    [
      'when the team is out of reach',
      () => appBody({ at: past + 1000, type: 'PermissionChange', removedTeamIds: ['team-9', 'team-1'] }),
      "My access to the team ENG was taken away. To go on, give the app access to it in Linear's settings, then write here.",
    ],
  ])('%s, in every session, and the stop says why', async (_name, body, reason) => {
    await atWork(['session-1', 'session-2']);
    expect(await send(body())).toBe('accepted');
    expect(await placed()).toEqual([
      { session: 'session-1', body: reason, signal: 'stop' },
      { session: 'session-2', body: reason, signal: 'stop' },
    ]);
    expect(await stops()).toMatchObject([{ plan_id: 'plan-1', reason }]);
    expect(told).toEqual(['stop plan-1', 'stop plan-1']);
    expect(await rows(`select key from cyrus.outbound_write where state = 'queued' and not closing and kind <> 'activity'`)).toEqual([]);
    // Again, byte for byte.
    expect(await send(body())).toBe('duplicate');
    expect(await placed()).toHaveLength(2);
  });

  test.each<[string, () => Record<string, unknown>]>([
    ['we closed the issue ourselves', () => closed({ actor: { id: appUserId, name: 'Cyrus', type: 'user' } })],
    ['a code host closed it', () => closed({ actor: { id: 'i', type: 'integration', service: 'github' } })],
    ['it was closed before and its labels changed', () => closed({ from: { labelIds: [] } })],
    ['it moved to another open state', () => issueBody({ at: past + 1000, from: { stateId: 'x' } })],
    ['the delegate of somebody else changed', () => issueBody({ at: past + 1000, from: { delegateId: 'other' } })],
    ['another team is out of reach', () => appBody({ at: past + 1000, type: 'PermissionChange', removedTeamIds: ['team-9'] })],
  ])('not when %s', async (name, body) => {
    await atWork();
    if (name.includes('closed before')) await rows(`update cyrus.issue set details = details || '{"state": {"type": "completed"}}'`);
    await send(body());
    expect(await placed()).toEqual([]);
    expect(await stops()).toEqual([]);
  });

  test('not by a closing that arrives after the issue was opened again', async () => {
    await atWork();
    await send(issueBody({ at: past + 2000, state: 'unstarted', from: { stateId: 'state-completed' } }));
    await send(closed());
    expect(await stops()).toEqual([]);
  });

  test('by a closing even when another change of the issue overtook it', async () => {
    await atWork();
    await send(closed({ at: past + 2000, from: { labelIds: [] } }));
    expect(await stops()).toHaveLength(1);
  });

  test.each<[string, () => Record<string, unknown>]>([
    ['taking away', () => unassignedBody({ notification: 'n1', at: past + 1000 })],
    ['closing', () => closed()],
  ])('not by a %s that arrives after somebody asked again', async (_name, body) => {
    await atWork(['session-1']);
    await send(createdBody({ at: past + 2000, session: 'session-2' }));
    await send(body());
    expect(await stops()).toEqual([]);
    expect(await placed()).toEqual([]);
  });

  test('taking away, told twice in two ways, is one debt', async () => {
    await atWork();
    await send(issueBody({ at: past + 1000, delegate: null, from: { delegateId: appUserId } }));
    await send(unassignedBody({ notification: 'n1', at: past + 1001 }));
    expect(await rows('select id from cyrus.turn')).toHaveLength(1);
    expect(await stops()).toHaveLength(1);
  });
});

describe('a session that is told of after its issue was taken away', () => {
  const acknowledged = async (): Promise<number> => (await rows("select id from cyrus.outbound_write where kind = 'activity'")).length;

  test('hears nothing but its one answer', async () => {
    await send(unassignedBody({ notification: 'n1', at: past + 1000 }));
    await send(createdBody({ at: past }));
    expect(await rows("select id from cyrus.turn where state = 'open'")).toHaveLength(1);
    expect(await acknowledged()).toBe(0);
  });

  test.each<[string, () => Promise<unknown>]>([
    ['it is of another issue', () => send(createdBody({ at: past, issue: 'issue-10' }))],
    ['it was given again', () => send(createdBody({ at: past + 2000 }))],
  ])('unless %s', async (_name, opening) => {
    await send(unassignedBody({ notification: 'n1', at: past + 1000 }));
    await opening();
    expect(await acknowledged()).toBe(1);
  });

  test('in whatever order the two are taken in, nothing is sent after the taking away', async () => {
    for (let n = 0; n < 10; n++) {
      const issue = `issue-${n}`;
      const facts = { issue, session: `session-${n}`, at: past };
      await Promise.all([send(createdBody(facts)), send(unassignedBody({ issue, notification: `n${n}`, at: past + 1000 }))]);
    }
    expect(await rows("select id from cyrus.outbound_write where kind = 'activity' and state = 'queued'")).toEqual([]);
  });
});

test('the closing of a blocker wakes what waits for it, whoever closed it; so does a change of the waiting issue', async () => {
  await atWork(['session-1'], 'parked');
  await rows(`update cyrus.plan set parked_reason = 'blocked'`);
  await rows(`update cyrus.issue set details = details || '{"blockedBy": [{"id": "other"}, {"id": "blocker"}]}'`);
  const looks = async (): Promise<readonly unknown[]> =>
    rows(`select entity, payload from cyrus.input where kind = 'look_again' order by seq`);
  await send(issueBody({ at: past + 500, issue: 'blocker', from: { title: 'x' } }));
  await send(closed({ issue: 'stranger' }));
  expect(await looks()).toEqual([]);
  await send(closed({ issue: 'blocker', actor: { id: appUserId, name: 'Cyrus', type: 'user' } }));
  expect(await looks()).toEqual([{ entity: 'plan:plan-1', payload: { issueId: 'blocker' } }]);
  expect(await rows(`select id from cyrus.due where id = 'plan:plan-1'`)).toHaveLength(1);
  await send(issueBody({ at: past + 600, issue: 'other', action: 'remove' }));
  await send(issueBody({ at: past + 700, from: { sortOrder: 1 } }));
  expect(await looks()).toHaveLength(3);
  expect(await stops()).toEqual([]);
});

describe('the app is removed from the workspace', () => {
  test('everything ends, nothing is left to send, the tokens are forgotten, and the status says so', async () => {
    await atWork();
    expect(await rows(`select state from cyrus.outbound_write`)).toEqual([{ state: 'queued' }]);
    expect(await send(appBody({ at: past + 1000, type: 'OAuthApp' }))).toBe('accepted');
    expect(await stops()).toMatchObject([{ plan_id: 'plan-1', reason: 'The app was removed from the workspace.' }]);
    expect(told).toEqual(['stop plan-1', `forget ${workspace}`]);
    expect(await rows(`select state from cyrus.outbound_write`)).toEqual([{ state: 'cancelled' }]);
    // What the stop still has to answer does not leave either.
    await rows(
      `insert into cyrus.outbound_write (id, key, credential, lane, priority, kind, payload, closing, session_id)
       values (gen_random_uuid(), 'close', $1, 'session:session-1', 1, 'activity', '{}', true, 'session-1')`,
      [`linear:${workspace}`],
    );
    expect(await database.db.tx((tx) => claimWrites(tx, { credential: `linear:${workspace}`, limit: 8 }))).toEqual({
      claimed: [],
      cancelled: 1,
    });
    expect(await rows('select type, payload from cyrus.event')).toMatchObject([
      { type: 'credential_failed', payload: { credential: `linear:${workspace}`, failure: { class: 'auth' } } },
    ]);
    const said = async (): Promise<readonly string[]> => (await readStatus(database.db)).credentials.map(({ message }) => message);
    // What is refused after that is of no more interest; what leaves says that all is well again.
    await insertCredentialEvent(database.db, 'credential_failed', { credential: `linear:${workspace}`, failure: { message: 'later' } });
    expect(await said()).toEqual([expect.stringMatching(/removed the app/)]);
    await insertCredentialEvent(database.db, 'credential_recovered', { credential: `linear:${workspace}` });
    expect(await said()).toEqual([]);
  });

  test('who speaks to us there again is answered', async () => {
    await atWork();
    await send(appBody({ at: past + 1000, type: 'OAuthApp' }));
    await rows(`update cyrus.turn set state = 'closed'`);
    await rows(`update cyrus.session set plan_id = null`);
    await send(promptedBody({ at: past + 5000, activity: 'a1', body: 'You are back' }));
    const { claimed } = await database.db.tx((tx) => claimWrites(tx, { credential: `linear:${workspace}`, limit: 8 }));
    expect(claimed).toHaveLength(1);
  });

  test('news of it that arrives after somebody spoke to us again ends nothing', async () => {
    await atWork();
    await send(promptedBody({ at: past + 5000, activity: 'a1', body: 'Go on' }));
    await send(appBody({ at: past + 1000, type: 'OAuthApp' }));
    expect(await stops()).toEqual([]);
  });
});

test('each message in a thread without an issue gets one short answer; ours get none', async () => {
  const without = (body: Record<string, unknown>): Record<string, unknown> => ({
    ...body,
    agentSession: { ...(body['agentSession'] as object), issue: null },
  });
  await send(without(createdBody({ at: past })));
  await send(without(promptedBody({ at: past + 1, activity: 'a1', body: 'Hello?' })));
  await send(without(promptedBody({ at: past + 2, activity: 'a2', body: 'Hello??' })));
  expect(await send(without(promptedBody({ at: past + 3, activity: 'a3', body: 'ours', user: { id: appUserId, name: 'Cyrus' } })))).toBe(
    'ignored',
  );
  const answers = await rows<{ key: string; body: string }>(
    `select key, payload -> 'content' ->> 'body' as body from cyrus.outbound_write order by seq`,
  );
  expect(answers.map(({ key }) => key)).toEqual([
    'session:session-1:no-issue',
    'session:session-1:no-issue:a1',
    'session:session-1:no-issue:a2',
  ]);
  expect(answers.every(({ body }) => /assign me an issue/.test(body))).toBe(true);
});

test('work that ended while its session was waited for is ended once: no turn is opened to say that nothing was running', async () => {
  await atWork();
  const locked = Promise.withResolvers<void>();
  const ending = database.db.tx(async (tx) => {
    await tx.query(`select from cyrus.session where id = 'session-1' for update`);
    locked.resolve();
    await until('the event waits for the session', async () => {
      const waiting = await rows(`select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`);
      return waiting.length > 0;
    });
    await tx.query(`update cyrus.turn set state = 'closed', closed_as = 'response', closed_at = now()`);
    await tx.query(`update cyrus.session set plan_id = null`);
  });
  await locked.promise;
  await Promise.all([ending, send(unassignedBody({ notification: 'n1', at: past + 1000 }))]);
  expect(await placed()).toEqual([]);
  expect(await rows('select state from cyrus.turn')).toEqual([{ state: 'closed' }]);
});
