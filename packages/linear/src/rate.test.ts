import { expect, test } from 'vitest';
import { paceOf, type Rate, rateAfter, retryAfter } from './rate.ts';

const now = Date.UTC(2026, 10, 21);
const headers = (kind: string, limit: number, remaining: number, reset: number): Record<string, string> => ({
  [`x-ratelimit-${kind}-limit`]: String(limit),
  [`x-ratelimit-${kind}-remaining`]: String(remaining),
  [`x-ratelimit-${kind}-reset`]: String(reset),
});
const hour = 3_600_000;

test('the last headers are kept per kind; an answer without them changes nothing', () => {
  const first = rateAfter(
    {},
    new Headers({ ...headers('requests', 5000, 4999, now + hour), ...headers('complexity', 2_000_000, 1_999_000, now + hour) }),
    now,
  );
  const second = rateAfter(first, new Headers(headers('requests', 5000, 4998, now + hour)), now);
  expect(second).toEqual({
    requests: { limit: 5000, remaining: 4998, resetAt: now + hour },
    complexity: { limit: 2_000_000, remaining: 1_999_000, resetAt: now + hour },
  });
  expect(rateAfter(second, new Headers({ 'x-ratelimit-requests-limit': 'many' }), now)).toBe(second);
});

test.each([hour, -hour])('a clock that is %d ms off waits as long as a right one', (ahead) => {
  const linears = now - ahead;
  const given = new Headers({ ...headers('requests', 5000, 0, linears + 60_000), date: new Date(linears).toUTCString() });
  expect(rateAfter({}, given, now)).toEqual({ requests: { limit: 5000, remaining: 0, resetAt: now + 60_000 } });
  expect(retryAfter(given, now)).toBe(now + 60_000);
  given.set('retry-after', new Date(linears + 30_000).toUTCString());
  expect(retryAfter(given, now)).toBe(now + 30_000);
});

const requests = (remaining: number, resetAt = now + hour): Rate => ({ requests: { limit: 5000, remaining, resetAt } });
test.each<[string, Rate, object]>([
  ['nothing known yet', {}, { pace: 'free' }],
  ['much left', requests(2500), { pace: 'free' }],
  ['a tenth left: spread over the hour', requests(360), { pace: 'spread', gapMs: 10_000 }],
  ['nothing left', requests(0), { pace: 'stop', until: now + hour }],
  ['nothing left, but reset long ago', requests(0, now - 1), { pace: 'free' }],
  ['a reset that no clock can mean is not waited for', requests(0, now + 999 * hour), { pace: 'stop', until: now + 65 * 60_000 }],
  [
    'points are spent before requests',
    { ...requests(4000), complexity: { limit: 2_000_000, remaining: 50, resetAt: now + hour } },
    { pace: 'stop', until: now + hour },
  ],
  ['points run low', { complexity: { limit: 2_000_000, remaining: 36_000, resetAt: now + hour } }, { pace: 'spread', gapMs: 10_000 }],
])('pace: %s', (_name, rate, expected) => {
  expect(paceOf(rate, now)).toEqual(expected);
});

test.each([
  ['Retry-After in seconds', { 'retry-after': '30' }, now + 30_000],
  ['Retry-After as a date', { 'retry-after': new Date(now + 90_000).toUTCString() }, now + 90_000],
  [
    'the reset of what is spent',
    { ...headers('requests', 5000, 12, now + 5000), ...headers('complexity', 9, 0, now + 600_000) },
    now + 600_000,
  ],
  ['a reset in seconds', headers('requests', 5000, 0, now / 1000 + 60), now + 60_000],
  ['nothing told', {}, now + 60_000],
  ['a time that has passed', { 'retry-after': '0' }, now + 1000],
  ['a time beyond reason', { 'retry-after': '99999999' }, now + 65 * 60_000],
  ['nonsense', { 'retry-after': 'soon' }, now + 60_000],
])('retry: %s', (_name, given, expected) => {
  expect(retryAfter(new Headers(given as Record<string, string>), now)).toBe(expected);
});
