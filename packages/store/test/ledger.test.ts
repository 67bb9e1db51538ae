import type { BudgetLimits } from 'cyrus-core/budget';
import type { CallUsage, Ledger } from 'cyrus-core/ports/ledger';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLedger } from '../src/ledger.ts';
import { openDatabase } from '../src/pool.ts';
import { lockBudgets } from '../src/queries/budget-load.ts';
import { appendCharges } from '../src/queries/charge-append.ts';
import { costReport } from '../src/queries/cost-report.ts';
import { decisionsOf } from '../src/queries/decision-list.ts';
import { pastRuns } from '../src/queries/past-runs.ts';
import { loadPlan } from '../src/queries/plan-load.ts';
import { releaseReservation } from '../src/queries/reservation-release.ts';
import { forgottenReservations } from '../src/queries/reservations-forgotten.ts';
import { listTasks } from '../src/queries/task-list.ts';
import { type TestDatabase, testDatabase } from '../src/testing/database.ts';
import { chargesOf, dayOf, insertAttempt, insertTask, rulesOf, usd } from './ledger-rows.ts';

const noon = Date.parse('2026-11-21T12:00:00Z');
const today = '2026-11-21';
let now = noon;
let stored: TestDatabase;

beforeEach(async () => {
  now = noon;
  stored = await testDatabase({ time: { now: () => now } });
});
afterEach(() => stored.stop());

const ledgerOf = (limits: Partial<BudgetLimits> & { readonly zone?: string } = {}): Ledger => createLedger(stored.db, rulesOf(limits));
const usage = (cost: number | null): CallUsage => ({
  model: 'm',
  inputTokens: 10,
  outputTokens: 5,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  cost: cost === null ? null : usd(cost),
  prices: 'list 1',
});
const intend = (ledger: Ledger, attemptId: string, callId: string, worst: number | null) =>
  ledger.intend({ callId, attemptId, model: 'm', worstCase: worst === null ? null : usd(worst) });
const end = async (attemptId: string, limits: Partial<BudgetLimits> = {}): Promise<void> => {
  await stored.db.query(`update cyrus.attempt set state = 'succeeded' where id = $1`, [attemptId]);
  await stored.db.tx((tx) => releaseReservation(tx, rulesOf(limits).calendar, attemptId));
};
const report = (attemptId: string, seq: number, cost: number | null, trust: 'provider' | 'agent' = 'agent') =>
  stored.db.tx((tx) =>
    appendCharges(tx, rulesOf().calendar, attemptId, [{ ...usage(cost), seq, at: now, cost: cost === null ? null : usd(cost), trust }]),
  );

describe('calls', () => {
  test('count with their worst case until they are settled, then with what they used', async () => {
    const ledger = ledgerOf({ day: 50 });
    await insertTask(stored.db, '1');
    const attempt = await insertAttempt(stored.db, '1', { cost: 2 });
    expect(await intend(ledger, attempt, 'a', 1.5)).toEqual({ granted: true });
    expect(await dayOf(stored.db, today)).toEqual({ spent: 0, held: 2, charges: 0 });
    await ledger.settle('a', usage(0.25));
    expect(await dayOf(stored.db, today)).toEqual({ spent: 0.25, held: 1.75, charges: 0.25 });
    await ledger.settle('a', usage(9));
    expect(await chargesOf(stored.db, attempt)).toEqual(['0.25 gateway']);
  });

  test('the same call twice is one call', async () => {
    const ledger = ledgerOf({ day: 1 });
    await insertTask(stored.db, '1');
    const attempt = await insertAttempt(stored.db, '1', { cost: 0 });
    for (let i = 0; i < 3; i++) expect(await intend(ledger, attempt, 'a', 0.8)).toEqual({ granted: true });
    expect((await dayOf(stored.db, today)).held).toBeCloseTo(0.8);
  });

  test('top the reservation up within every budget, and are refused with what is left', async () => {
    const ledger = ledgerOf({ day: 50, issue: 3, task: 4 });
    await insertTask(stored.db, '1');
    const attempt = await insertAttempt(stored.db, '1', { cost: 1 });
    expect(await intend(ledger, attempt, 'a', 2.5)).toEqual({ granted: true });
    const refused = await intend(ledger, attempt, 'b', 1);
    expect(refused).toEqual({
      granted: false,
      left: usd(0.5),
      reason: 'The budget of this issue of $3.00 is used up or reserved; $0.50 is left.',
    });
    // A smaller one under the same id.
    expect(await intend(ledger, attempt, 'b', 0.5)).toEqual({ granted: true });
    await ledger.settle('a', usage(0.5));
    expect(await intend(ledger, attempt, 'c', 2)).toEqual({ granted: true });
  });

  test('that were never made give everything back', async () => {
    const ledger = ledgerOf({ day: 1 });
    await insertTask(stored.db, '1');
    const attempt = await insertAttempt(stored.db, '1');
    await intend(ledger, attempt, 'a', 1);
    await ledger.settle('a', null);
    expect(await intend(ledger, attempt, 'b', 1)).toEqual({ granted: true });
    expect(await chargesOf(stored.db, attempt)).toEqual([]);
  });

  test('without a price are made while there is money at all, and are shown as unpriced', async () => {
    const ledger = ledgerOf({ day: 1 });
    await insertTask(stored.db, '1');
    const attempt = await insertAttempt(stored.db, '1');
    expect(await intend(ledger, attempt, 'a', null)).toEqual({ granted: true });
    await ledger.settle('a', usage(null));
    expect(await chargesOf(stored.db, attempt)).toEqual(['unpriced gateway']);
    await intend(ledger, attempt, 'b', 1);
    expect(await intend(ledger, attempt, 'c', null)).toMatchObject({ granted: false, left: 0 });
  });

  test('of an attempt that has ended are refused', async () => {
    const ledger = ledgerOf();
    await insertTask(stored.db, '1');
    const attempt = await insertAttempt(stored.db, '1', { cost: 5 });
    await end(attempt);
    expect(await intend(ledger, attempt, 'a', 0.1)).toMatchObject({ granted: false, left: 0 });
    expect(await intend(ledger, 'nobody', 'b', 0.1)).toMatchObject({ granted: false });
  });

  test('under way when their attempt ended are charged with their worst case, until somebody knows better', async () => {
    const ledger = ledgerOf({ day: 50 });
    await insertTask(stored.db, '1');
    const attempt = await insertAttempt(stored.db, '1', { cost: 2 });
    await intend(ledger, attempt, 'a', 1.5);
    await intend(ledger, attempt, 'b', 0.5);
    await end(attempt);
    expect(await chargesOf(stored.db, attempt)).toEqual(['1.5 gateway, worst case', '0.5 gateway, worst case']);
    expect(await dayOf(stored.db, today)).toEqual({ spent: 2, held: 0, charges: 2 });
    await ledger.settle('a', usage(0.3));
    await ledger.settle('b', null);
    await ledger.settle('a', usage(7));
    expect(await chargesOf(stored.db, attempt)).toEqual(['0.3 gateway', '0 gateway']);
    expect(await dayOf(stored.db, today)).toEqual({ spent: 0.3, held: 0, charges: 0.3 });
    await end(attempt);
    expect(await forgottenReservations(stored.db)).toEqual([]);
  });

  test('left open by books that are closed are charged by the sweep, which then finds them no more', async () => {
    const ledger = ledgerOf({ day: 50 });
    await insertTask(stored.db, '1');
    const attempt = await insertAttempt(stored.db, '1', { cost: 2 });
    await intend(ledger, attempt, 'a', 1.5);
    await stored.db.query('update cyrus.reservation set released_at = clock_timestamp() where attempt_id = $1', [attempt]);
    expect(await forgottenReservations(stored.db)).toEqual([attempt]);
    await end(attempt);
    expect(await chargesOf(stored.db, attempt)).toEqual(['1.5 gateway, worst case']);
    expect(await forgottenReservations(stored.db)).toEqual([]);
  });

  test('eight at once on the last 50 cents, with kills between answer and settlement: nothing is missing, nothing is passed', async () => {
    const limits = { day: 10 };
    await insertTask(stored.db, '0');
    const before = await insertAttempt(stored.db, '0', { cost: 9.5 });
    await report(before, 1, 9.5);
    await end(before);
    const attempts: string[] = [];
    for (let i = 1; i <= 8; i++) {
      await insertTask(stored.db, String(i));
      attempts.push(await insertAttempt(stored.db, String(i)));
    }
    let billed = 0;
    const surprised: string[] = [];
    // Each with a process of its own, as far as the database can tell; four of them are killed after the answer.
    await Promise.all(
      attempts.map(async (attempt, index) => {
        const db = openDatabase({
          connection: stored.connection,
          clock: systemLike,
          applicationName: `caller ${index}`,
          time: { now: () => now },
        });
        const ledger = createLedger(db, rulesOf(limits));
        for (let call = 0; call < 4; call++) {
          const id = `${attempt}:${call}`;
          const answer = await ledger.intend({ callId: id, attemptId: attempt, model: 'm', worstCase: usd(0.11) });
          if (!answer.granted) break;
          const cost = 0.02 + 0.09 * ((index * 4 + call) % 3) * 0.5;
          billed += usd(cost);
          const state = await dayOf(stored.db, today);
          if (state.spent + state.held > 10 + 1e-9) surprised.push(`${state.spent} + ${state.held}`);
          if (index % 2 === 1 && call === 1) break;
          await ledger.settle(id, usage(cost));
        }
        await db.close();
      }),
    );
    // The service comes up again: the attempts of the killed are lost, and their books are closed.
    for (const attempt of attempts) await stored.db.query(`update cyrus.attempt set state = 'lost' where id = $1`, [attempt]);
    for (const attempt of await forgottenReservations(stored.db))
      await stored.db.tx((tx) => releaseReservation(tx, rulesOf(limits).calendar, attempt));
    const { spent, held, charges } = await dayOf(stored.db, today);
    expect(surprised).toEqual([]);
    expect(held).toBe(0);
    expect(spent).toBeCloseTo(charges, 9);
    expect(spent).toBeLessThanOrEqual(10);
    expect(usd(spent)).toBeGreaterThanOrEqual(usd(9.5) + billed);
    const granted = await stored.db.query<{ n: number }>('select count(*) as n from cyrus.call_intent');
    const charged = await stored.db.query<{ n: number }>('select count(*) as n from cyrus.charge where call_id is not null');
    expect(charged.rows).toEqual(granted.rows);
    expect(granted.rows[0]?.n).toBeGreaterThan(4);
  });
});

const systemLike = { now: () => now, sleep: () => new Promise<void>((resolve) => setImmediate(resolve)) };

describe('whose word counts', () => {
  test('the gateway knows better than the agent, whoever speaks first', async () => {
    const ledger = ledgerOf({ day: 50 });
    await insertTask(stored.db, '1');
    const attempt = await insertAttempt(stored.db, '1', { cost: 2 });
    await report(attempt, 1, 0.4);
    await intend(ledger, attempt, 'a', 1);
    await ledger.settle('a', usage(0.3));
    await report(attempt, 2, 0.4);
    expect(await chargesOf(stored.db, attempt)).toEqual([
      '0 agent, listed 0.4, superseded',
      '0.3 gateway',
      '0 agent, listed 0.4, superseded',
    ]);
    expect(await dayOf(stored.db, today)).toEqual({ spent: 0.3, held: 1.7, charges: 0.3 });
  });

  test('the same report twice is one charge', async () => {
    await insertTask(stored.db, '1');
    const attempt = await insertAttempt(stored.db, '1', { cost: 2 });
    for (let i = 0; i < 3; i++) await report(attempt, 7, 0.4);
    expect(await dayOf(stored.db, today)).toEqual({ spent: 0.4, held: 1.6, charges: 0.4 });
  });

  test('a run whose cost nobody tells is charged with what is assumed of it, once', async () => {
    await insertTask(stored.db, '1');
    const attempt = await insertAttempt(stored.db, '1', { cost: 3, estimate: 3 });
    for (let i = 0; i < 3; i++) await end(attempt);
    expect(await chargesOf(stored.db, attempt)).toEqual(['3 estimated']);
    // The provider tells it after all.
    await report(attempt, 1, 1.2, 'provider');
    expect(await chargesOf(stored.db, attempt)).toEqual(['0 estimated, listed 3, superseded', '1.2 provider']);
    expect(await dayOf(stored.db, today)).toEqual({ spent: 1.2, held: 0, charges: 1.2 });
  });

  test('nothing is assumed of a run that told its cost, or never began', async () => {
    await insertTask(stored.db, '1');
    const told = await insertAttempt(stored.db, '1', { cost: 3, estimate: 3 });
    await report(told, 1, 0.5, 'provider');
    await end(told);
    expect(await chargesOf(stored.db, told)).toEqual(['0.5 provider']);
    const refused = await insertAttempt(stored.db, '1', { cost: 3, estimate: 3, number: 2 });
    await stored.db.query('update cyrus.attempt set started_at = null where id = $1', [refused]);
    await end(refused);
    expect(await chargesOf(stored.db, refused)).toEqual([]);
  });

  test('a start whose effect is not known is charged', async () => {
    await insertTask(stored.db, '1');
    const attempt = await insertAttempt(stored.db, '1', { cost: 3, estimate: 3 });
    await stored.db.query('update cyrus.attempt set started_at = null where id = $1', [attempt]);
    await stored.db.query(
      `insert into cyrus.host_job (id, kind, notify, attempt_id, state, started_at, failure) values ('j', 'agent', 'x', $1, 'failed', clock_timestamp(), '{"ambiguous": true}')`,
      [attempt],
    );
    await end(attempt);
    expect(await chargesOf(stored.db, attempt)).toEqual(['3 estimated']);
  });
});

describe('how it is paid for', () => {
  test('a subscription: the use is recorded, no budget counts it, no budget stops it', async () => {
    const ledger = ledgerOf({ day: 0, task: 0 });
    await insertTask(stored.db, '1');
    const attempt = await insertAttempt(stored.db, '1', { billing: 'included' });
    expect(await intend(ledger, attempt, 'a', 5)).toEqual({ granted: true });
    await ledger.settle('a', usage(3));
    expect(await chargesOf(stored.db, attempt)).toEqual(['0 gateway, listed 3, included']);
    await end(attempt);
    expect(await dayOf(stored.db, today)).toEqual({ spent: 0, held: 0, charges: 0 });
  });

  test('a monthly credit stops what it does not cover, and leaves the budgets alone', async () => {
    const ledger = ledgerOf({ day: 0, credit: 10 });
    await insertTask(stored.db, '1');
    const attempt = await insertAttempt(stored.db, '1', { billing: 'credit' });
    expect(await intend(ledger, attempt, 'a', 9)).toEqual({ granted: true });
    await ledger.settle('a', usage(8));
    expect(await intend(ledger, attempt, 'b', 3)).toEqual({
      granted: false,
      left: usd(2),
      reason: 'The credit of this month of $10.00 is used up or reserved; $2.00 is left.',
    });
    expect(await dayOf(stored.db, today)).toEqual({ spent: 0, held: 0, charges: 0 });
    now = Date.parse('2026-12-01T00:00:00Z');
    expect(await intend(ledger, attempt, 'b', 3)).toEqual({ granted: true });
  });
});

test('a cost told after the end of its attempt is the same for whoever asks: tasks, explanations, reports, closing answers, estimates', async () => {
  const { db } = stored;
  await insertTask(db, '1');
  const attempt = await insertAttempt(db, '1', { estimate: 3 });
  await db.query(
    `insert into cyrus.decision (task_id, number, executor_id, reason, strategy, estimate, analysis) values ('task-1', 1, 'agent', '', '', '{}', '{}')`,
  );
  await db.query(`update cyrus.attempt set ended_at = to_timestamp($2::float8 / 1000) where id = $1`, [attempt, noon]);
  await end(attempt);
  const seen = async () => {
    const [task] = await listTasks(db, { limit: 1, liveOnly: false });
    const [decision] = await decisionsOf(db, 'task-1');
    const plan = await db.tx((tx) => loadPlan(tx, 'plan-1'));
    const [past] = await pastRuns(db);
    return [task?.cost, decision?.cost, (await costReport(db, 'executor', 0)).total.cost, plan?.cost, past?.cost?.p90];
  };
  expect(await seen()).toEqual(Array(5).fill(usd(3)));
  await report(attempt, 1, 1.25, 'provider');
  expect(await seen()).toEqual(Array(5).fill(usd(1.25)));
});

describe('days', () => {
  test('begin at midnight of the zone, and what is held goes along', async () => {
    now = Date.parse('2026-11-21T22:59:59Z');
    const rules = { day: 1, zone: 'Europe/Berlin' };
    const ledger = ledgerOf(rules);
    await insertTask(stored.db, '1');
    const attempt = await insertAttempt(stored.db, '1', { cost: 0.2 });
    await intend(ledger, attempt, 'a', 1);
    await ledger.settle('a', usage(0.9));
    expect(await intend(ledger, attempt, 'b', 0.2)).toMatchObject({ granted: false, left: usd(0.1) });
    now += 2_000;
    expect(await intend(ledger, attempt, 'b', 1)).toEqual({ granted: true });
    await ledger.settle('b', usage(1));
    const { rows } = await stored.db.query(`select key, spent from cyrus.budget where scope = 'day' order by key`);
    expect(rows).toEqual([
      { key: '2026-11-21', spent: usd(0.9) },
      { key: '2026-11-22', spent: usd(1) },
    ]);
  });

  test('what people add counts for its budget and its period', async () => {
    const rules = rulesOf({ day: 1 });
    await insertTask(stored.db, '1');
    const place = { taskId: 'task-1', issueId: 'issue-1', repositoryId: 'app', executorId: 'agent', billing: 'list' as const };
    const limit = () =>
      stored.db.tx(async (tx) => (await lockBudgets(tx, rules, [place])).states(place).find((state) => state.scope === 'day')?.limit);
    expect(await limit()).toBe(usd(1));
    await stored.db.query(`insert into cyrus.budget_raise (id, scope, key, amount) values ('r', 'day', $1, $2)`, [today, usd(20)]);
    expect(await limit()).toBe(usd(21));
    now += 86_400_000;
    expect(await limit()).toBe(usd(1));
  });
});
