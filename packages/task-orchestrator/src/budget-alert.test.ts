import fc from 'fast-check';
import { expect, test } from 'vitest';
import { alertText, decideAlert } from './budget-alert.ts';

const usd = (amount: number): number => Math.round(amount * 1_000_000);

test.each<[string, number | null, number, number, number, number | null]>([
  ['nothing spent', 50, 0, 0, 0, null],
  ['below half', 50, 24.99, 0, 0, null],
  ['half', 50, 25, 0, 50, 50],
  ['half, told before', 50, 30, 50, 50, null],
  ['four fifths', 50, 40, 50, 80, 80],
  ['from nothing to all at once is told once', 50, 50, 0, 100, 100],
  ['over, told before', 50, 51, 100, 100, null],
  ['raised: told anew when it is reached anew', 100, 51, 100, 50, null],
  ['raised and reached', 100, 80, 50, 80, 80],
  ['no limit', null, 1_000, 0, 0, null],
  ['a limit of nothing, and something spent', 0, 0.01, 0, 100, 100],
])('%s', (_name, limit, spent, told, toldThen, alert) => {
  expect(decideAlert({ limit: limit === null ? null : usd(limit), spent: usd(spent), told })).toEqual({ told: toldThen, alert });
});

test('spending that only grows is told of at each share once, in order', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), fc.array(fc.nat(40), { maxLength: 30 }), (limit, steps) => {
      let told = 0;
      let spent = 0;
      const alerts: number[] = [];
      for (const step of steps) {
        spent += step;
        const decided = decideAlert({ limit, spent, told });
        told = decided.told;
        if (decided.alert !== null) alerts.push(decided.alert);
      }
      expect(alerts).toEqual([...new Set(alerts)].sort((a, b) => a - b));
      if (spent >= limit) expect(alerts.at(-1)).toBe(100);
    }),
  );
});

test('the words', () => {
  expect(alertText(80, { scope: 'day', limit: usd(50), spent: usd(40.12) }, null)).toBe(
    "80 % of today's budget is spent: $40.12 of $50.00.",
  );
  expect(alertText(100, { scope: 'issue', limit: usd(5), spent: usd(5.1) }, 'ENG-7')).toBe(
    'The budget of this issue (ENG-7) is used up: $5.10 of $5.00. Work that needs more waits or asks.',
  );
});
