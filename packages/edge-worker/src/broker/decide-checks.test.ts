import { expect, test } from 'vitest';
import { type ChecksState, decideChecks } from './decide-checks.ts';

const second = 1_000;
const minute = 60 * second;
const state = (over: Partial<ChecksState>): ChecksState => ({
  ...{ pull: { state: 'open', headSha: 'head' }, checks: 'pending', sha: 'head', since: 0, timeoutMs: 120 * minute },
  ...over,
});
const decided = (over: Partial<ChecksState>, now: number): string => {
  const next = decideChecks(state(over), now);
  return next.do === 'end' ? next.state : 'wait';
};

test.each([
  ['success', 11 * second, 'success'],
  // The next one may be about to register.
  ['success', 2 * second, 'wait'],
  ['failure', 0, 'failure'],
  ['pending', 119 * minute, 'wait'],
  ['pending', 120 * minute, 'late'],
  ['none', 9 * minute, 'wait'],
  ['none', 10 * minute, 'none'],
] as const)('checks that are %s after %d ms: %s', (checks, now, expected) => expect(decided({ checks }, now)).toBe(expected));

test('a pull request that people closed, merged or pushed to is waited for no longer', () => {
  expect(decided({ pull: { state: 'merged', headSha: 'head' }, checks: null }, 0)).toBe('merged');
  expect(decided({ pull: { state: 'closed', headSha: 'head' }, checks: null }, 0)).toBe('closed');
  expect(decided({ pull: { state: 'open', headSha: 'other' }, checks: null }, 2 * minute)).toBe('moved');
  // It may be shown as of before our push.
  expect(decided({ pull: { state: 'open', headSha: 'other' }, checks: null }, second)).toBe('wait');
});

test('a short time to wait is all there is, for checks that do not show up too', () => {
  expect(decided({ checks: 'none', timeoutMs: 5 * second }, 5 * second)).toBe('none');
  expect(decided({ checks: 'success', timeoutMs: 5 * second }, 5 * second)).toBe('success');
});

test('it looks soon at first, then every five minutes, and once more when the time is over', () => {
  const next = (now: number, timeoutMs = 120 * minute): number => {
    const decision = decideChecks(state({ timeoutMs }), now);
    return decision.do === 'wait' ? (decision.failure.retryAt ?? 0) - now : 0;
  };
  expect([next(0), next(minute), next(60 * minute), next(119 * minute)]).toEqual([3 * second, 15 * second, 5 * minute, minute]);
  // A clock that was set back.
  expect(next(-minute)).toBe(3 * second);
});
