import { expect, test } from 'vitest';
import { decideReady } from './decide-ready.ts';

const minute = 60_000;
test.each([
  ['success', 1, 'ready'],
  ['failure', 1, 'leave'],
  ['pending', 1, 'wait'],
  ['pending', 23 * 60, 'wait'],
  ['pending', 24 * 60, 'leave'],
  ['none', 9, 'wait'],
  ['none', 10, 'leave'],
  [null, 1, 'leave'],
] as const)('checks that are %s after %d minutes: %s', (checks, minutes, expected) =>
  expect(decideReady(checks, 1000, 1000 + minutes * minute).do).toBe(expected),
);

test('while it waits it looks again after half a minute', () => {
  expect(decideReady('pending', 0, minute)).toMatchObject({ failure: { retryAt: minute + 30_000 } });
});
