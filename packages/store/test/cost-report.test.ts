import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLedger } from '../src/ledger.ts';
import { chargeAnalysis, settleAnalysisCharge } from '../src/queries/analysis-charge.ts';
import { appendCharges } from '../src/queries/charge-append.ts';
import { type CostRow, type Costs, costGroups, costReport } from '../src/queries/cost-report.ts';
import { releaseReservation } from '../src/queries/reservation-release.ts';
import { type TestDatabase, testDatabase } from '../src/testing/database.ts';
import { insertAttempt, insertTask, rulesOf, usd } from './ledger-rows.ts';

const noon = Date.parse('2026-11-21T12:00:00Z');
const rules = rulesOf();
const counts = { inputTokens: 10, outputTokens: 5, cacheReadTokens: 1, cacheWriteTokens: 0 };
let stored: TestDatabase;
beforeEach(async () => {
  stored = await testDatabase({ time: { now: () => noon } });
});
afterEach(() => stored.stop());

const told = (attemptId: string, seq: number, cost: number | null, model = 'm', trust: 'provider' | 'agent' = 'agent') =>
  stored.db.tx((tx) =>
    appendCharges(tx, rules.calendar, attemptId, [{ ...counts, model, seq, at: noon, cost: cost === null ? null : usd(cost), trust }]),
  );
async function end(attemptId: string): Promise<void> {
  await stored.db.query(`update cyrus.attempt set state = 'succeeded', ended_at = to_timestamp($2::float8 / 1000) where id = $1`, [
    attemptId,
    noon,
  ]);
  await stored.db.tx((tx) => releaseReservation(tx, rules.calendar, attemptId));
}
const look = (issueId: string, model: string, worst: number, billing: 'list' | 'included' = 'list'): Promise<number> =>
  stored.db.tx((tx) =>
    chargeAnalysis(tx, { issueId, model, worstCase: usd(worst), prices: 'list 1', billing, trust: 'gateway', day: '2026-11-21' }),
  );
const totalBy = async (by: (typeof costGroups)[number]): Promise<Costs> => (await costReport(stored.db, by, 0)).total;
const rowsBy = async (by: (typeof costGroups)[number]): Promise<Readonly<Record<string, CostRow>>> =>
  Object.fromEntries((await costReport(stored.db, by, 0)).rows.map((row) => [row.name, row]));

test('an attempt that used two models counts once, and once in the row of each', async () => {
  await insertTask(stored.db, '1');
  const attempt = await insertAttempt(stored.db, '1');
  await told(attempt, 1, 0.25, 'large');
  await told(attempt, 2, 0.05, 'small');
  expect(await totalBy('model')).toMatchObject({ attempts: 1, uses: 2, cost: 300_000, inputTokens: 22 });
  expect(await rowsBy('model')).toMatchObject({ large: { attempts: 1, cost: 250_000 }, small: { attempts: 1, cost: 50_000 } });
});

test('nothing used is a report of nothing', async () => {
  expect(await costReport(stored.db, 'model', 0)).toMatchObject({ rows: [], total: { attempts: 0, uses: 0, cost: 0, unpriced: 0 } });
});

test('each kind of cost is told apart', async () => {
  const ledger = createLedger(stored.db, rules);
  for (const id of ['1', '2', '3', '4', '5']) await insertTask(stored.db, id);
  await end(await insertAttempt(stored.db, '1', { estimate: 2, executor: 'estimating' }));
  await told(await insertAttempt(stored.db, '2', { billing: 'included', executor: 'subscribed' }), 1, 0.5);
  await told(await insertAttempt(stored.db, '3', { executor: 'unpriced' }), 1, null);
  const lost = await insertAttempt(stored.db, '4', { cost: 5, executor: 'crashed' });
  await ledger.intend({ callId: 'lost', attemptId: lost, model: 'm', worstCase: usd(0.7) });
  await ledger.intend({ callId: 'slow', attemptId: lost, model: 'm', worstCase: usd(0.9) });
  await end(lost);
  await ledger.settle('slow', { ...counts, model: 'm', cost: usd(0.1), prices: 'list 1' });
  const cloud = await insertAttempt(stored.db, '5', { estimate: 3, executor: 'billing' });
  await end(cloud);
  await told(cloud, 1, 2.5, 'm', 'provider');
  const rows = await rowsBy('executor');
  const shown = (name: string) => {
    const { cost, estimated, worstCase, late, covered, unpriced } = rows[name] as CostRow;
    return { cost, estimated, worstCase, late, covered, unpriced };
  };
  const none = { cost: 0, estimated: 0, worstCase: 0, late: 0, covered: 0, unpriced: 0 };
  expect(shown('estimating')).toEqual({ ...none, cost: usd(2), estimated: usd(2) });
  expect(Object.keys(await rowsBy('model')).sort()).toEqual(['(estimating runs)', 'm']);
  expect(shown('subscribed')).toEqual({ ...none, covered: usd(0.5) });
  expect(shown('unpriced')).toEqual({ ...none, unpriced: 1 });
  expect(shown('crashed')).toEqual({ ...none, cost: usd(0.8), worstCase: usd(0.7), late: usd(0.1) });
  expect(shown('billing')).toEqual({ ...none, cost: usd(2.5), late: usd(2.5) });
});

test('what a model said of an issue counts for the issue and the model, without an attempt', async () => {
  await insertTask(stored.db, '1');
  const id = await look('issue-1', 'small', 0.02);
  expect(await totalBy('repository')).toMatchObject({ attempts: 0, uses: 1, cost: usd(0.02), analysis: usd(0.02), worstCase: usd(0.02) });
  await stored.db.tx((tx) => settleAnalysisCharge(tx, id, counts, usd(0.001)));
  const about = { attempts: 0, cost: 1_000, analysis: 1_000, worstCase: 0 };
  expect(await rowsBy('repository')).toMatchObject({ '(analysis)': about });
  expect(await rowsBy('executor')).toMatchObject({ '(analysis)': about });
  expect(await rowsBy('issue')).toMatchObject({ 'issue-1': about });
  expect(await rowsBy('model')).toMatchObject({ small: about });
});

test('a look that a subscription pays for costs nothing more', async () => {
  await insertTask(stored.db, '1');
  const id = await look('issue-1', 'small', 0.02, 'included');
  await stored.db.tx((tx) => settleAnalysisCharge(tx, id, counts, usd(0.001)));
  expect(await totalBy('model')).toMatchObject({ cost: 0, covered: 1_000, analysis: 0 });
});

const use = fc.record({
  task: fc.integer({ min: 1, max: 3 }),
  attempt: fc.integer({ min: 1, max: 2 }),
  model: fc.constantFrom('large', 'small', 'other'),
  cost: fc.option(fc.integer({ min: 0, max: 3_000_000 }), { nil: null }),
  trust: fc.constantFrom('agent' as const, 'provider' as const),
  looks: fc.boolean(),
});

test('the total is the same however it is grouped, and is what the rows sum up to and the budgets have', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(use, { maxLength: 12 }), async (uses) => {
      await stored.db.query('truncate cyrus.issue, cyrus.budget restart identity cascade');
      for (const task of ['1', '2', '3']) {
        await insertTask(stored.db, task, `repository-${Number(task) % 2}`);
        for (const number of [1, 2])
          await insertAttempt(stored.db, task, {
            ...{ number, executor: `executor-${number}` },
            billing: task === '3' && number === 2 ? 'included' : 'list',
          });
      }
      for (const [index, { task, attempt, model, cost, trust, looks }] of uses.entries())
        if (looks) {
          const id = await look(`issue-${task}`, model, 0.02);
          await stored.db.tx((tx) => settleAnalysisCharge(tx, id, counts, cost));
        } else await told(`attempt-${task}-${attempt}`, index + 1, cost === null ? null : cost / 1e6, model, trust);
      const reports = await Promise.all(costGroups.map((by) => costReport(stored.db, by, 0)));
      const [first] = reports;
      for (const { rows, total } of reports) {
        expect(total).toEqual(first?.total);
        for (const key of ['uses', 'inputTokens', 'cost', 'estimated', 'worstCase', 'late', 'analysis', 'covered', 'unpriced'] as const)
          expect(rows.reduce((sum, row) => sum + row[key], 0)).toBe(total[key]);
        expect(rows.reduce((sum, row) => sum + row.attempts, 0)).toBeGreaterThanOrEqual(total.attempts);
      }
      const { rows: budgets } = await stored.db.query<{ spent: number }>(`select spent from cyrus.budget where scope = 'month'`);
      // Looks are added to the budgets by whoever has them made.
      expect((first?.total.cost ?? 0) - (first?.total.analysis ?? 0)).toBe(budgets[0]?.spent ?? 0);
    }),
    { numRuns: 15 },
  );
});
