import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { verifyWebhook } from './webhook.ts';

const secret = 's3cret';
const sign = (body: string, by: string = secret): string => `sha256=${createHmac('sha256', by).update(body).digest('hex')}`;
const request = (body: string, headers: Record<string, string> = {}) => ({
  rawBody: Buffer.from(body),
  headers: { 'x-github-delivery': 'd-1', 'x-github-event': 'ping', 'x-hub-signature-256': sign(body), ...headers },
});

test('a signed delivery gives its id, event and payload', () => {
  expect(verifyWebhook(request('{"zen":"größe"}'), secret)).toEqual({
    ok: true,
    value: { deliveryId: 'd-1', event: 'ping', payload: { zen: 'größe' } },
  });
});

test("the signature of GitHub's documentation is accepted", () => {
  const documented = request('Hello, World!', {
    'x-hub-signature-256': 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
  });
  expect(verifyWebhook(documented, "It's a Secret to Everybody")).toMatchObject({ error: { reason: 'not_json' } });
});

test.each([
  ['another secret', request('{}', { 'x-hub-signature-256': sign('{}', 'other') }), 'signature_wrong'],
  ['a body changed by one byte', { ...request('{"a":1}'), rawBody: Buffer.from('{"a":2}') }, 'signature_wrong'],
  ['a signature that is too short', request('{}', { 'x-hub-signature-256': 'sha256=00' }), 'signature_wrong'],
  ['a signature of another kind', request('{}', { 'x-hub-signature-256': sign('{}').replace('sha256', 'sha1') }), 'signature_wrong'],
  ['no signature', request('{}', { 'x-hub-signature-256': '' }), 'signature_missing'],
  ['no delivery id', request('{}', { 'x-github-delivery': '' }), 'delivery_missing'],
  ['no event', request('{}', { 'x-github-event': '' }), 'delivery_missing'],
  ['a form instead of JSON', request('payload=%7B%7D'), 'not_json'],
  ['JSON that is no object', request('[1]'), 'not_json'],
])('%s is refused', (_name, given, reason) => expect(verifyWebhook(given, secret)).toMatchObject({ ok: false, error: { reason } }));

test('an empty secret is a defect', () => {
  expect(() => verifyWebhook(request('{}', { 'x-hub-signature-256': sign('{}', '') }), '')).toThrow(RangeError);
});
