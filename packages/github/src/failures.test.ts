import { describe, expect, test } from 'vitest';
import { classifyAnswer, unreachable } from './failures.ts';

const now = Date.parse('2026-01-01T12:00:00Z');
const answer = (status: number, headers: Record<string, string> = {}, data: unknown = { message: 'Nope' }) => ({ status, headers, data });

test.each([
  ['a token that is not known', answer(401), { class: 'auth' }],
  [
    'a permission that lacks',
    answer(403, { 'x-accepted-github-permissions': 'checks=read' }),
    { class: 'auth', fix: expect.stringContaining('checks=read') },
  ],
  ['single sign-on', answer(403, { 'x-github-sso': 'required; url=…' }), { class: 'auth', fix: expect.stringContaining('single sign-on') }],
  ['a secondary limit with a wait', answer(403, { 'retry-after': '7' }), { class: 'rate_limited', retryAt: now + 7000 }],
  [
    'a secondary limit with a date',
    answer(429, { 'retry-after': 'Thu, 01 Jan 2026 12:01:00 GMT' }),
    { class: 'rate_limited', retryAt: now + 60_000 },
  ],
  [
    'a secondary limit without a time',
    answer(403, {}, { message: 'You have exceeded a secondary rate limit.' }),
    { class: 'rate_limited', retryAt: now + 60_000 },
  ],
  ['429 without a time', answer(429), { class: 'rate_limited', retryAt: now + 60_000 }],
  [
    'the primary limit',
    answer(403, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(now / 1000 + 90) }),
    { class: 'rate_limited', retryAt: now + 90_000 },
  ],
  [
    'the primary limit of a host whose clock is an hour ahead',
    answer(403, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(now / 1000 + 3690), date: 'Thu, 01 Jan 2026 13:00:00 GMT' }),
    { class: 'rate_limited', retryAt: now + 90_000 },
  ],
  [
    'a limit that has passed',
    answer(403, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(now / 1000 - 5) }),
    { class: 'rate_limited', retryAt: now },
  ],
  ['something missing', answer(404), { class: 'invalid_request', fix: expect.stringContaining('access') }],
  ['a conflict', answer(409), { class: 'invalid_request' }],
  [
    'fields at fault',
    answer(422, {}, { message: 'Validation Failed', errors: [{ field: 'head', code: 'invalid' }, { message: 'too long' }] }),
    { class: 'invalid_request', message: expect.stringContaining('Validation Failed; head is invalid; too long') },
  ],
  ['a gateway', answer(502, {}, '<html>'), { class: 'network' }],
])('%s', (_name, given, expected) => expect(classifyAnswer(given, 'opening it', now)).toMatchObject(expected));

describe('every failure', () => {
  test.each([401, 403, 404, 422, 429, 500])('of status %i says what was being done', (status) => {
    expect(classifyAnswer(answer(status), 'opening the pull request of x', now).message).toContain('opening the pull request of x');
  });

  test('without an answer names the innermost reason', () => {
    const cause = new Error('fetch failed', { cause: new Error('connect ECONNREFUSED 127.0.0.1:9') });
    expect(unreachable(cause, 'opening it')).toMatchObject({
      class: 'network',
      message: 'No answer from GitHub while opening it: connect ECONNREFUSED 127.0.0.1:9',
    });
  });
});
