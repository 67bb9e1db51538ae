import type { BudgetScope, BudgetState } from 'cyrus-core/budget';
import { describe, expect, test } from 'vitest';
import { cloud, local } from '../test/support/facts.ts';
import { type DispatchMoney, openPurse } from './dispatch-money.ts';

const usd = (amount: number): number => amount * 1_000_000;
const estimate = { cost: { p50: usd(1), p90: usd(2) } };
const task = (id: string, issueId = `issue of ${id}`) => ({ taskId: id, issueId, repositoryId: 'app' });
const state = (scope: BudgetScope, key: string, limit: number, spent = 0): BudgetState => ({
  ...{ scope, key, limit: usd(limit), spent: usd(spent), held: 0, endsAt: scope === 'day' ? 99 : null },
});
const money = (over: Partial<DispatchMoney> = {}): DispatchMoney => ({
  states: ({ taskId, issueId, billing }) =>
    billing === 'credit'
      ? [state('credit', 'c', 3)]
      : [state('day', 'd', 10), state('issue', issueId, 3), state('task', taskId, 5), state('attempt', taskId, 4)],
  untouched: () => true,
  billing: () => 'list',
  metered: () => true,
  ...over,
});
const claude = local('claude');

describe('the purse of one decision', () => {
  test('what one attempt holds is gone for the next: of the day, and of their issue', () => {
    const purse = openPurse(money());
    expect(purse.affordable(task('a', 'i'), claude, estimate)).toEqual({ affordable: true, cost: usd(2) });
    purse.hold(task('a', 'i'), claude, usd(2));
    expect(purse.affordable(task('b', 'i'), claude, estimate)).toEqual({ affordable: true, cost: usd(1) });
    for (const id of ['c', 'd', 'e', 'f']) purse.hold(task(id), claude, usd(2));
    expect(purse.affordable(task('g'), claude, estimate)).toMatchObject({ affordable: false, key: 'money:day', until: null });
  });

  test('an executor that costs nothing more needs none', () => {
    const purse = openPurse(money({ states: () => [state('day', 'd', 0)] }));
    expect(purse.affordable(task('a'), local('mine', { included: true }), estimate)).toEqual({ affordable: true, cost: 0 });
    expect(purse.affordable(task('a'), claude, estimate)).toMatchObject({
      affordable: false,
      key: `budget:day:d:0:${usd(2)}`,
      until: null,
    });
  });

  test('a run with a price of its own holds just that', () => {
    const purse = openPurse(money());
    expect(purse.affordable(task('a'), cloud('codegen', { costPerRun: usd(3) }), estimate)).toEqual({ affordable: true, cost: usd(3) });
    expect(purse.affordable(task('a'), cloud('codegen', { costPerRun: usd(4) }), estimate)).toMatchObject({
      affordable: false,
      why: 'the budget of this issue of $3.00 has $3.00 left, and this needs $4.00',
      reason: 'Waiting: the budget of this issue of $3.00 has $3.00 left, and this needs $4.00 ($0.00 of it spent).',
    });
  });

  test('a credit is a budget of its own', () => {
    const purse = openPurse(money({ billing: () => 'credit' }));
    purse.hold(task('a'), claude, usd(2));
    expect(purse.affordable(task('b'), claude, estimate)).toMatchObject({ affordable: false, key: 'money:credit' });
  });

  test('tasks find the same money only where their own is the same', () => {
    const purse = openPurse(money());
    expect(purse.likeness(task('a'))).toBe(purse.likeness(task('b')));
    purse.hold(task('a'), claude, usd(1));
    expect(purse.likeness(task('a'))).not.toBe(purse.likeness(task('b')));
    expect(purse.likeness(task('c', 'issue of a'))).not.toBe(purse.likeness(task('b')));
  });

  test('of tasks that something was spent for, each with as much left finds the same', () => {
    const left = { a: 3, b: 3, c: 4 };
    const purse = openPurse(
      money({
        untouched: ({ taskId }) => !(taskId in left),
        states: ({ taskId }) => [state('day', 'd', 10), state('task', taskId, 5, 5 - (left[taskId as 'a'] ?? 5))],
      }),
    );
    expect(purse.likeness(task('a'))).toBe(purse.likeness(task('b')));
    expect(purse.likeness(task('a'))).not.toBe(purse.likeness(task('c')));
    expect(purse.likeness(task('a'))).not.toBe(purse.likeness(task('d')));
  });
});
