import { configSchema } from 'cyrus-core/config/schema';
import type { Attempt, Plan } from 'cyrus-core/domain/plan';
import { type TestDatabase, testDatabase } from 'cyrus-store/testing/database';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { attemptAllowance } from '../src/money/attempt-allowance.ts';
import { createBudgetRules } from '../src/money/budget-rules.ts';
import { planBudgets } from '../src/money/plan-budgets.ts';
import { runningAttempt } from './support/attempt-rows.ts';

let stored: TestDatabase;
beforeAll(async () => {
  stored = await testDatabase();
});
afterAll(() => stored.stop());

const budgets = { perDayUsd: 10, timeZone: 'UTC' };
const byLogin = configSchema.parse({ budgets, claude: { auth: 'ownLogin' } });
const byCredit = configSchema.parse({ budgets, claude: { auth: 'ownLogin', billing: { credit: { monthlyUsd: 100 } } } });

test.each([
  ['that an executor in the cloud would count for, where the own login costs nothing', byLogin, 'day:2026-11-21:0:250000:1', 'day', 10e6],
  ['of the credit, where that is what is used up', byCredit, 'credit:2026-11:claude:0:250000:1', 'credit', 100e6],
  ['of the day, where the login of the configuration has a credit', byCredit, 'day:2026-11-21:0:250000:1', 'day', 10e6],
] as const)('a start that waits for money is told of the budget %s', async (_what, config, key, scope, limit) => {
  const plan = { issueId: 'i', repositoryId: 'app' } as Plan;
  const inputs = [{ seq: 1, kind: 'waiting', payload: { key: `budget:${key}` } }];
  const rules = createBudgetRules(() => config);
  const states = await stored.db.tx((tx) => planBudgets(tx, rules, config, { plan, task: { id: 't' }, attempts: [], inputs }));
  expect(states.find((state) => state.scope === scope)).toMatchObject({ limit, spent: 0 });
});

test.each([
  ['reserved', 700_000],
  ['starting', 700_000],
  ['start_unknown', 700_000],
  ['running', undefined],
] as const)('what is said of money to an executor that nobody meters, by an attempt that is %s: %s', async (state, allowed) => {
  const { db } = stored;
  const { attemptId, taskId } = await runningAttempt(db, `allowance-${state}`);
  await db.query(`update cyrus.reservation set executor_id = 'codegen', cost = 700000 where attempt_id = $1`, [attemptId]);
  const config = configSchema.parse({ budgets });
  const rules = createBudgetRules(() => config);
  const attempt = { id: attemptId, taskId, executorId: 'codegen', state } as Attempt;
  const plan = { issueId: 'i', repositoryId: 'app' } as Plan;
  expect(await db.tx((tx) => attemptAllowance(tx, rules, config, { attempt, plan }))).toBe(allowed);
});
