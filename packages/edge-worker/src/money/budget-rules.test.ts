import { type Config, configSchema } from 'cyrus-core/config/schema';
import { expect, test } from 'vitest';
import { billingOf, costPerRun, createBudgetRules, isMetered } from './budget-rules.ts';

const config = (file: object): Config => configSchema.parse(file);
const limits = (file: object, repository = 'app', executor = 'claude') =>
  createBudgetRules(() => config(file)).limits(repository, executor);

test('limits are micro-dollars; what is not named is no limit, but for the safe ones', () => {
  expect(limits({})).toEqual({ month: null, day: 50_000_000, repository: null, issue: null, task: 5_000_000, attempt: null, credit: null });
});

test("a repository's own budgets stand in place of the general ones, also where they say no limit", () => {
  const file = {
    budgets: { perIssueUsd: 10, perMonthUsd: 300 },
    repositories: [{ id: 'app', remoteUrl: 'x', budgets: { perTaskUsd: null, perIssueUsd: 2.5, perRepositoryUsd: 40 } }],
  };
  expect(limits(file)).toMatchObject({ month: 300_000_000, task: null, issue: 2_500_000, repository: 40_000_000 });
  expect(limits(file, 'other')).toMatchObject({ task: 5_000_000, issue: 10_000_000, repository: null });
});

test.each<[string, object, string, string]>([
  ['an API key', {}, 'claude', 'list'],
  ["a person's own login", { claude: { auth: 'ownLogin' } }, 'claude', 'included'],
  ['a login that is charged', { claude: { auth: 'ownLogin', billing: 'list' } }, 'claude', 'list'],
  ['a credit', { claude: { billing: { credit: { monthlyUsd: 100 } } } }, 'claude', 'credit'],
  ['another executor', { claude: { auth: 'ownLogin' } }, 'mine', 'list'],
])('how %s is paid for', (_name, file, executor, billing) => {
  expect(billingOf(config(file), executor)).toBe(billing);
});

test('a credit is a limit of its executor', () => {
  const file = { claude: { billing: { credit: { monthlyUsd: 100 } } } };
  expect([limits(file).credit, limits(file, 'app', 'mine').credit]).toEqual([100_000_000, null]);
});

test('what a run is assumed to cost', () => {
  const all = config({
    codegen: { estimatedCostPerRunUsd: 2 },
    cursor: { estimatedCostPerRunUsd: 1.5 },
    executors: { mine: { command: 'x', estimatedCostPerRunUsd: 0.25 }, other: { command: 'x' } },
  });
  expect(['codegen', 'cursor', 'mine', 'other', 'claude'].map((id) => costPerRun(all, id))).toEqual([
    2_000_000,
    1_500_000,
    250_000,
    null,
    null,
  ]);
});

test('calls are held one by one where they pass the gateway', () => {
  expect(isMetered(config({}), 'claude')).toBe(true);
  expect(isMetered(config({ claude: { auth: 'ownLogin' } }), 'claude')).toBe(false);
  expect(isMetered(config({}), 'mine')).toBe(false);
});

test('a calendar that is kept counts in the time zone that the configuration names now', () => {
  let current = config({ budgets: { timeZone: 'UTC' } });
  const { calendar } = createBudgetRules(() => current);
  const at = Date.parse('2026-11-30T20:00:00Z');
  expect([calendar.timeZone, calendar.day(at).key, calendar.month(at).key]).toEqual(['UTC', '2026-11-30', '2026-11']);
  current = config({ budgets: { timeZone: 'Asia/Tokyo' } });
  expect([calendar.timeZone, calendar.day(at).key, calendar.month(at).key]).toEqual(['Asia/Tokyo', '2026-12-01', '2026-12']);
});
