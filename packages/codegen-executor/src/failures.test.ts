import type { Failure } from 'cyrus-core/failure';
import { describe, expect, test } from 'vitest';
import { classifyRefusal, unreachable } from './failures.ts';

const own = 'https://codegen.acme.example';
const now = Date.parse('2026-11-21T12:00:00Z');

/** As the service sends them. */
const refuse = (
  status: number,
  body: unknown,
  more: { readonly headers?: Record<string, string>; readonly changes?: boolean; readonly baseUrl?: string } = {},
): Failure =>
  classifyRefusal(
    { status, body, headers: new Headers(more.headers) },
    { doing: 'starting a run', baseUrl: more.baseUrl ?? own, now, changes: more.changes ?? false },
  );

describe('a refusal is classified by what was really sent', () => {
  test.each<[string, Failure, Partial<Failure>, RegExp]>([
    ['401', refuse(401, { detail: 'Invalid or expired API token' }), { class: 'auth' }, /API token.*Invalid or expired/],
    [
      '402',
      refuse(402, { message: 'Agent run limit reached for your current plan.', status_code: 402 }),
      { class: 'quota_exhausted' },
      /plan are used up/,
    ],
    ['403', refuse(403, { message: 'You do not have access to this organization.', status_code: 403 }), { class: 'auth' }, /organisation/],
    [
      '404 without repositories',
      refuse(404, { message: 'No repos found in this organization.', status_code: 404 }),
      { class: 'invalid_request', fix: expect.stringContaining('GitHub app') },
      /no repositories/,
    ],
    ['404 of a run', refuse(404, { message: 'Agent run not found.', status_code: 404 }), { class: 'invalid_request' }, /found nothing/],
    ['404 of something else', refuse(404, { detail: 'Not Found' }), { class: 'missing_binary' }, /discontinued in January 2026/],
    ['404 of a page', refuse(404, undefined), { class: 'missing_binary' }, /no Codegen API any more: it answers 404/],
    ['410', refuse(410, { message: 'Gone' }), { class: 'missing_binary' }, /discontinued/],
    [
      '422',
      refuse(422, {
        detail: [
          { loc: ['body', 'prompt'], msg: 'Field required', type: 'missing' },
          { loc: ['body', 'images', 0], msg: 'Input should be a valid string', type: 'string_type' },
        ],
      }),
      { class: 'invalid_request' },
      /prompt: Field required; images\.0: Input should be a valid string/,
    ],
    ['422 in other words', refuse(422, { message: 'No such model.' }), { class: 'invalid_request' }, /No such model/],
    [
      '429 without a time',
      refuse(429, { message: 'Rate limit exceeded.', status_code: 429 }),
      { class: 'rate_limited', retryAt: now + 60_000 },
      /rate limit/,
    ],
    [
      '429 with seconds',
      refuse(429, {}, { headers: { 'retry-after': '7' } }),
      { class: 'rate_limited', retryAt: now + 7_000 },
      /rate limit/,
    ],
    [
      '429 with a date by another clock',
      refuse(429, {}, { headers: { 'retry-after': 'Sat, 21 Nov 2026 10:00:30 GMT', date: 'Sat, 21 Nov 2026 10:00:00 GMT' } }),
      { class: 'rate_limited', retryAt: now + 30_000 },
      /rate limit/,
    ],
    ['429 that asks for a week', refuse(429, {}, { headers: { 'retry-after': '604800' } }), { retryAt: now + 65 * 60_000 }, /rate limit/],
    ['503 of a read', refuse(503, undefined), { class: 'network' }, /answered 503/],
    ['503 of a create', refuse(503, undefined, { changes: true }), { class: 'network', ambiguous: true }, /answered 503/],
    ['418', refuse(418, { message: 'Teapot' }), { class: 'invalid_request' }, /\(418\): Teapot/],
  ])('%s', (_name, failure, expected, message) => {
    expect(failure).toMatchObject(expected);
    expect(failure.message).toMatch(message);
  });

  test('only what changed something and was answered 5xx is ambiguous', () => {
    for (const status of [401, 402, 403, 404, 410, 422, 429]) expect(refuse(status, {}, { changes: true }).ambiguous).toBeUndefined();
    expect(refuse(503, {}).ambiguous).toBeUndefined();
  });

  test('what is to be done is another thing for the hosted service than for one’s own', () => {
    expect(refuse(410, {}, { baseUrl: 'https://api.codegen.com' }).fix).toContain('your own installation');
    expect(refuse(410, {}).fix).toContain('address of your installation');
    expect(refuse(410, {}, { baseUrl: 'https://codegen.com.evil.example' }).fix).toContain('address of your installation');
  });
});

describe('no answer', () => {
  const about = { doing: 'starting a run', baseUrl: own, changes: true };
  const coded = (code: string): Error => new TypeError('fetch failed', { cause: Object.assign(new Error(`connect ${code}`), { code }) });
  test.each(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT', 'CERT_HAS_EXPIRED', 'DEPTH_ZERO_SELF_SIGNED_CERT'])(
    '%s: nothing can have reached the service',
    (code) => {
      const failure = unreachable(coded(code), about);
      expect(failure).toMatchObject({ class: 'network', message: expect.stringContaining(`connect ${code}`) });
      expect(failure.ambiguous).toBeUndefined();
    },
  );
  test.each(['ECONNRESET', 'UND_ERR_SOCKET', 'EPIPE'])('%s after a create: nobody knows', (code) => {
    expect(unreachable(coded(code), about)).toMatchObject({ class: 'network', ambiguous: true });
    expect(unreachable(coded(code), { ...about, changes: false }).ambiguous).toBeUndefined();
  });
  test('a timeout of a create: nobody knows', () => {
    expect(unreachable(new Error('no answer within 30 s'), about)).toMatchObject({ ambiguous: true });
  });
  test('several addresses, all refused', () => {
    const both = new AggregateError(['ECONNREFUSED', 'ENETUNREACH'].map((code) => Object.assign(new Error(code), { code })));
    expect(unreachable(new TypeError('fetch failed', { cause: both }), about).ambiguous).toBeUndefined();
  });
  test('the hosted service that cannot be reached is named as what it is', () => {
    expect(unreachable(coded('ENOTFOUND'), { ...about, baseUrl: 'https://api.codegen.com' }).message).toContain(
      'discontinued in January 2026',
    );
    expect(unreachable(coded('ENOTFOUND'), about).message).not.toContain('discontinued');
  });
});
