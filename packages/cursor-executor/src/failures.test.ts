import { describe, expect, test } from 'vitest';
import { classifyAnswer, unreachable } from './failures.ts';

const now = Date.parse('2026-11-20T12:00:00Z');
const answer = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) => ({
  status,
  body,
  headers: new Headers(headers),
});
const said = (code: string, message: string): unknown => ({ error: { code, message } });

/** Bodies as the documentation describes them; the first is one that was recorded. */
describe('an answer of Cursor', () => {
  test.each([
    ['a wrong key', answer(401, said('unauthorized', 'Invalid or missing API key')), 'auth'],
    ['a key that was deleted', answer(401, said('api_key_not_found', 'API key not found')), 'auth'],
    ['a role that may not', answer(403, said('role_forbidden', 'Your role may not use cloud agents')), 'auth'],
    ['a refusal without a code', answer(403, {}), 'auth'],
    ['a plan that lacks it', answer(403, said('plan_required', 'A paid plan is required')), 'quota_exhausted'],
    [
      'a spend limit, which comes as 400',
      answer(
        400,
        said(
          'usage_limit_exceeded',
          'Usage-based pricing required. Background Agent requires at least $2 remaining until your hard limit.',
        ),
      ),
      'quota_exhausted',
    ],
    ['a spend limit, as 429', answer(429, said('usage_limit_exceeded', 'Limit reached')), 'quota_exhausted'],
    ['a repository it may not see', answer(403, said('repository_access', 'No access to acme/app')), 'invalid_request'],
    ['a code host that is not connected', answer(400, said('integration_not_connected', 'Connect GitHub first')), 'invalid_request'],
    ['a model it does not have', answer(400, said('validation_error', "Model 'x' is not available or invalid")), 'invalid_request'],
    ['too many calls', answer(429, said('rate_limit_exceeded', 'Rate limit exceeded')), 'rate_limited'],
    ['a bad gateway without a body', answer(502, '<html>'), 'network'],
    ['a timeout of its own', answer(408, ''), 'network'],
    ['something unknown', answer(418, 'teapot'), 'invalid_request'],
  ] as const)('%s', (_what, given, kind) => {
    const { failure } = classifyAnswer(given, 'starting an agent', true, now);
    expect(failure.class).toBe(kind);
    expect(failure.ambiguous).toBe(kind === 'network' ? true : undefined);
    expect(failure.message).toContain('starting an agent');
  });

  test.each([
    ['in seconds', { 'retry-after': '17' }, now + 17_000],
    ['as a date', { 'retry-after': 'Fri, 20 Nov 2026 12:01:00 GMT' }, now + 60_000],
    ['as the end of the window', { 'x-ratelimit-reset': String(now / 1000 + 30) }, now + 30_000],
    ['not at all', {}, now + 60_000],
  ])('says when to come back %s', (_how, headers, at) => {
    expect(classifyAnswer(answer(429, said('rate_limit_exceeded', 'Slow down'), headers), 'reading', false, now).failure.retryAt).toBe(at);
  });

  test('a read is never ambiguous', () => {
    expect(classifyAnswer(answer(503, ''), 'reading', false, now).failure.ambiguous).toBeUndefined();
    expect(unreachable(new Error('socket hang up'), 'reading', false).failure.ambiguous).toBeUndefined();
  });
});

describe('no answer', () => {
  const because = (code: string): Error => new TypeError('fetch failed', { cause: Object.assign(new Error(`connect ${code}`), { code }) });
  test.each(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'])('%s: nothing was sent', (code) => {
    const { failure } = unreachable(because(code), 'starting an agent', true);
    expect(failure).toMatchObject({ class: 'network', message: expect.stringContaining(code) });
    expect(failure.ambiguous).toBeUndefined();
  });
  test('several addresses, all refused: nothing was sent', () => {
    const refused = new AggregateError([Object.assign(new Error('x'), { code: 'ECONNREFUSED' })], '');
    expect(unreachable(new TypeError('fetch failed', { cause: refused }), 'starting', true).failure.ambiguous).toBeUndefined();
  });
  test.each(['ECONNRESET', 'UND_ERR_SOCKET', 'EPIPE', 'ETIMEDOUT'])('%s: it may have been sent', (code) => {
    expect(unreachable(because(code), 'starting an agent', true).failure).toMatchObject({ class: 'network', ambiguous: true });
  });
});
