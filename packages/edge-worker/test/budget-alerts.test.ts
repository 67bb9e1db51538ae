import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { systemClock } from 'cyrus-core/clock';
import { configSchema } from 'cyrus-core/config/schema';
import { createLedger } from 'cyrus-store/ledger';
import { silentLog } from 'cyrus-store/log';
import { appendCharges } from 'cyrus-store/queries/charge-append';
import type { ClaimedWrite } from 'cyrus-store/queries/outbound-claim';
import { type TestDatabase, testDatabase } from 'cyrus-store/testing/database';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { performAlerts } from '../src/broker/perform-alerts.ts';
import { createBudgetRules } from '../src/money/budget-rules.ts';
import { startMoneyWatch, tellAlerts } from '../src/money/watch.ts';
import { attemptOf, insertPlan } from './support/rows.ts';
import { until } from './support/until.ts';

let now = Date.parse('2026-11-21T12:00:00Z');
let stored: TestDatabase;
let server: Server;
let url = '';
let answers: number[] = [];
const heard: unknown[] = [];

beforeEach(async () => {
  now = Date.parse('2026-11-21T12:00:00Z');
  heard.length = 0;
  answers = [];
  server = createServer((request, response) => {
    json(request).then(
      (body) => {
        heard.push(body);
        response.writeHead(answers.shift() ?? 200).end('ok');
      },
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const config = () =>
  configSchema.parse({ budgets: { perDayUsd: 10, perTaskUsd: null, perIssueUsd: 20, timeZone: 'UTC', alerts: { webhookUrl: url } } });
const rules = createBudgetRules(() => config());
let seq = 0;
const charge = (dollars: number) =>
  stored.db.tx((tx) =>
    appendCharges(tx, rules.calendar, attemptOf('plan'), [
      {
        seq: ++seq,
        at: now,
        model: 'm',
        inputTokens: 1,
        outputTokens: 1,
        cacheReadTokens: 0,
        cacheWriteTokens: 0,
        cost: dollars * 1e6,
        trust: 'agent',
      },
    ]),
  );
const tell = () => tellAlerts({ db: stored.db, log: silentLog, config, rules });

describe('alerts', () => {
  beforeEach(async () => {
    stored = await testDatabase({ time: { now: () => now } });
  });
  afterEach(() => stored.stop());

  test('are told at 50, 80 and 100 percent, once in each period: an event, a message out, and at the end a thought where the work is', async () => {
    const { db } = stored;
    await insertPlan(db);
    await db.query(`update cyrus.plan set state = 'running'`);
    await db.query(
      `insert into cyrus.session (id, source, workspace, issue_id, plan_id) values ('s', 'linear', 'w', 'issue-plan', 'plan')`,
    );
    await db.query(`insert into cyrus.turn (id, session_id, opened_by) values ('t', 's', 'test')`);
    await charge(4.9);
    expect(await tell()).toEqual([]);
    await charge(0.2);
    expect(await tell()).toEqual(["50 % of today's budget is spent: $5.10 of $10.00."]);
    expect(await tell()).toEqual([]);
    await charge(5);
    expect(await tell()).toEqual([
      "Today's budget is used up: $10.10 of $10.00. Work that needs more waits or asks.",
      '50 % of the budget of this issue (issue-plan) is spent: $10.10 of $20.00.',
    ]);
    now += 86_400_000;
    await charge(6);
    expect(await tell()).toEqual([
      "50 % of today's budget is spent: $6.00 of $10.00.",
      '80 % of the budget of this issue (issue-plan) is spent: $16.10 of $20.00.',
    ]);
    const events = await db.query(`select payload ->> 'percent' as percent from cyrus.event where type = 'budget.alert' order by id`);
    expect(events.rows.map((row) => row['percent'])).toEqual(['50', '100', '50', '50', '80']);
    const writes = await db.query<{ credential: string; text: string }>(
      `select credential, coalesce(payload ->> 'text', payload -> 'content' ->> 'body') as text from cyrus.outbound_write order by seq`,
    );
    expect(writes.rows.filter(({ credential }) => credential === 'alerts')).toHaveLength(5);
    expect(writes.rows.filter(({ credential }) => credential === 'linear:w')).toEqual([
      { credential: 'linear:w', text: "Today's budget is used up: $10.10 of $10.00. Work that needs more waits or asks." },
      { credential: 'linear:w', text: '80 % of the budget of this issue (issue-plan) is spent: $16.10 of $20.00.' },
    ]);
  });

  test('of a budget that was raised are told anew', async () => {
    await insertPlan(stored.db);
    await charge(9);
    expect(await tell()).toHaveLength(1);
    await stored.db.query(`insert into cyrus.budget_raise (id, scope, key, amount) values ('r', 'day', '2026-11-21', 10000000)`);
    await charge(0.1);
    expect(await tell()).toEqual([]);
    await charge(7);
    expect(await tell()).toContain("80 % of today's budget is spent: $16.10 of $20.00.");
  });
});

describe('the watch over money', () => {
  test('closes the books that an ended attempt left open: what was under way is charged with its worst case, the rest is given back', async () => {
    stored = await testDatabase();
    const { db } = stored;
    await insertPlan(db);
    const attempt = attemptOf('plan');
    await db.query(
      `insert into cyrus.reservation (attempt_id, executor_id, slots, memory_mb, cost) values ($1, 'scripted', 1, 1, 5000000)`,
      [attempt],
    );
    const ledger = createLedger(db, rules);
    await ledger.intend({ callId: 'c', attemptId: attempt, model: 'm', worstCase: 1_500_000 });
    await db.query(`update cyrus.attempt set state = 'lost' where id = $1`, [attempt]);
    const watch = startMoneyWatch({ db, clock: systemClock, log: silentLog, config, rules, lookMs: 20, sweepMs: 20 });
    try {
      const book = () =>
        db.query(
          `select (select sum(cost) from cyrus.charge where worst_case) as worst, (select spent from cyrus.budget where scope = 'day') as spent,
             (select released_at is not null from cyrus.reservation) as released`,
        );
      await until('the books to be closed', async () => (await book()).rows[0]?.['released'] === true);
      expect((await book()).rows).toEqual([{ worst: 1_500_000, spent: 1_500_000, released: true }]);
    } finally {
      await watch.close();
      await stored.stop();
    }
  });
});

describe('the address for alerts', () => {
  const write = { payload: { text: 'Cyrus: 50 %' } } as unknown as ClaimedWrite;
  const send = () => performAlerts({ config })(write, new AbortController().signal);

  test('gets the text as JSON', async () => {
    expect(await send()).toEqual({ state: 'sent', result: {} });
    expect(heard).toEqual([{ text: 'Cyrus: 50 %' }]);
  });

  test.each<[number, string]>([
    [500, 'retry'],
    [429, 'retry'],
    [404, 'rejected'],
    [302, 'rejected'],
  ])('that answers %i: %s', async (status, state) => {
    answers = [status];
    expect((await send()).state).toBe(state);
  });

  test('that nobody answers at is tried again, and is not named', async () => {
    url = 'http://127.0.0.1:1/secret-path';
    const outcome = await send();
    expect(outcome.state).toBe('retry');
    expect(JSON.stringify(outcome)).not.toContain('secret-path');
  });

  test('that was taken out of the configuration meanwhile: the alert is given up', async () => {
    const outcome = await performAlerts({ config: () => configSchema.parse({}) })(write, new AbortController().signal);
    expect(outcome.state).toBe('rejected');
  });
});
