import { configSchema } from 'cyrus-core/config/schema';
import type { Plan } from 'cyrus-core/domain/plan';
import { type TestDatabase, testDatabase } from 'cyrus-store/testing/database';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createBudgetRules } from '../src/money/budget-rules.ts';
import { planBudgets } from '../src/money/plan-budgets.ts';

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
