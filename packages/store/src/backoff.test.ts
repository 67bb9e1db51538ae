import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backoffMs } from './backoff.ts';

test.each([
  [1, 0, 100],
  [1, 1, 1_000],
  [3, 1, 4_000],
  [3, 0.5, 2_050],
  [9, 1, 256_000],
  [10, 1, 300_000],
  [1_000_000, 1, 300_000],
])('%i failures, random %f: %i ms', (failures, random, ms) => {
  expect(backoffMs(failures, random)).toBe(ms);
});

test('never at once, never more than five minutes', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1 }), fc.double({ min: 0, max: 1, noNaN: true }), (failures, random) => {
      const ms = backoffMs(failures, random);
      return ms >= 100 && ms <= 300_000;
    }),
  );
});
