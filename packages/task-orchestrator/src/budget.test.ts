import type { BudgetScope, BudgetState } from 'cyrus-core/budget';
import { leftIn } from 'cyrus-core/budget';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decideReservation, proposedRaise, type Wish } from './budget.ts';

const usd = (amount: number): number => Math.round(amount * 1_000_000);
const noon = 1_700_000_000_000;
const budget = (scope: BudgetScope, limit: number | null, spent = 0, held = 0): BudgetState => ({
  scope,
  key: scope,
  limit: limit === null ? null : usd(limit),
  spent: usd(spent),
  held: usd(held),
  endsAt: scope === 'day' ? noon + 1 : scope === 'month' || scope === 'repository' || scope === 'credit' ? noon + 2 : null,
});
const metered: Wish = { p90: usd(2), perRun: null, metered: true };
const unmetered: Wish = { ...metered, metered: false };
const unknown: Wish = { p90: null, perRun: null, metered: true };
const flat = (cost: number): Wish => ({ p90: null, perRun: usd(cost), metered: false });

describe('decideReservation', () => {
  test.each<[string, Wish, BudgetState[], string]>([
    ['what nine of ten need', metered, [budget('day', 50), budget('task', 5)], 'reserves 2'],
    ['no more than its own limit', metered, [budget('day', 50), budget('task', 1)], 'reserves 1'],
    ['the whole limit, where nothing holds its calls to less', unmetered, [budget('day', 50), budget('task', 5)], 'reserves 5'],
    ['the limit, where nothing is known', unknown, [budget('day', 50), budget('task', 5)], 'reserves 5'],
    ['something, where there is neither estimate nor limit', unknown, [budget('day', null)], 'reserves 1'],
    ['what is left of an issue', metered, [budget('issue', 3, 2)], 'reserves 1'],
    ['what is left of a day, where the need is unknown', unknown, [budget('day', 50, 47), budget('task', 5)], 'reserves 3'],
    ['nothing that is too little to begin with', unknown, [budget('day', 50, 49.9), budget('task', 5)], 'day is used up until 1'],
    ['not less than the need', metered, [budget('day', 50, 49)], 'day is used up until 1'],
    ['waits for what others hold', metered, [budget('day', 50, 10, 39)], 'day is held by others'],
    [
      'a month that is used up lasts longer than the day',
      metered,
      [budget('month', 10, 10), budget('day', 5, 5)],
      'month is used up until 2',
    ],
    ['a task that has used its money waits for nothing', metered, [budget('day', 50), budget('task', 5, 5)], 'task is used up for good'],
    ['the one that does not pass is told', metered, [budget('day', 50, 10, 39), budget('issue', 5, 5)], 'issue is used up for good'],
    ['0 lets nothing start, today or tomorrow', metered, [budget('day', 0)], 'day is used up for good'],
    ['0 lets nothing start, needs or not', unknown, [budget('day', 0), budget('task', 0)], 'day is used up for good'],
    ['a run with a price is reserved whole', flat(3), [budget('day', 50)], 'reserves 3'],
    [
      'a run with a price above the limit of a task never starts',
      flat(3),
      [budget('day', 50), budget('task', 2)],
      'task is used up for good',
    ],
    ['no limit is no limit', metered, [budget('day', null, 9e6), budget('month', null), budget('task', null)], 'reserves 2'],
  ])('%s', (_name, wish, budgets, expected) => {
    const decided = decideReservation(wish, budgets);
    const words = decided.granted
      ? `reserves ${decided.amount / 1_000_000}`
      : decided.heldByOthers
        ? `${decided.by.scope} is held by others`
        : `${decided.by.scope} is used up ${decided.until === null ? 'for good' : `until ${decided.until - noon}`}`;
    expect(words).toBe(expected);
  });

  const money = fc.nat(20_000_000);
  const scope = fc.constantFrom<BudgetScope>('month', 'day', 'repository', 'issue', 'task', 'attempt');
  const state = fc
    .record({ scope, limit: fc.option(money), spent: money, held: money })
    .map((one): BudgetState => ({ ...one, key: one.scope, endsAt: ['month', 'day', 'repository'].includes(one.scope) ? noon : null }));
  const wish = fc.record({ p90: fc.option(money), perRun: fc.option(money), metered: fc.boolean() });

  test('what it grants is in every budget, and what it refuses is not', () => {
    fc.assert(
      fc.property(wish, fc.array(state, { maxLength: 6 }), (wanted, budgets) => {
        const decided = decideReservation(wanted, budgets);
        if (decided.granted) {
          for (const one of budgets) expect(decided.amount).toBeLessThanOrEqual(leftIn(one) ?? Number.POSITIVE_INFINITY);
          expect(decided.amount).toBeGreaterThanOrEqual(0);
        } else {
          const left = leftIn(decided.by);
          expect(left).not.toBeNull();
          expect(left as number).toBeLessThan(Math.max(1, wanted.perRun ?? wanted.p90 ?? 5_000_000, 1_000_000));
          if (decided.heldByOthers) expect(decided.by.held).toBeGreaterThan(0);
        }
        expect(decideReservation(wanted, budgets)).toEqual(decided);
      }),
    );
  });

  test('any number of starts, one after the other, never passes a limit', () => {
    fc.assert(
      fc.property(fc.array(wish, { maxLength: 60 }), fc.nat(50_000_000), fc.nat(60_000_000), (wishes, limit, spent) => {
        let held = 0;
        for (const one of wishes) {
          const decided = decideReservation(one, [{ ...budget('day', null), limit, spent, held }]);
          if (decided.granted) held += decided.amount;
          if (held > 0) expect(spent + held).toBeLessThanOrEqual(limit);
        }
      }),
    );
  });

  test('what is proposed to be added lets the attempt begin', () => {
    fc.assert(
      fc.property(money, money, (limit, spent) => {
        const used = { ...budget('day', null), limit, spent, held: 0 };
        const raised = { ...used, limit: limit + proposedRaise(used) };
        expect(decideReservation(unknown, [raised]).granted).toBe(true);
      }),
    );
  });
});
