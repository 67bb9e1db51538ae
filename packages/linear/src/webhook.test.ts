import { createHash } from 'node:crypto';
import { manualClock } from 'cyrus-core/clock';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { signWebhook, verifyWebhook, type WebhookVerdict } from './webhook.ts';

const now = Date.UTC(2026, 10, 21);
const clock = manualClock(now);
const secrets = [
  { id: 'first', secret: 'whsec-one' },
  { id: 'second', secret: 'whsec-two' },
];
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const bodyOf = (fields: object = {}): Uint8Array =>
  bytes(JSON.stringify({ type: 'Comment', action: 'create', webhookTimestamp: now, ...fields }));

function deliver(
  rawBody: Uint8Array,
  options: { signature?: string | null; secret?: string; delivery?: string; maxBodyBytes?: number } = {},
): WebhookVerdict {
  const signature = options.signature === undefined ? signWebhook(rawBody, options.secret ?? 'whsec-one') : options.signature;
  const headers: Record<string, string | null> = { 'linear-signature': signature, 'linear-delivery': options.delivery ?? null };
  const limit = options.maxBodyBytes === undefined ? {} : { maxBodyBytes: options.maxBodyBytes };
  return verifyWebhook({ rawBody, header: (name) => headers[name] }, { secrets, clock, ...limit });
}

test('an accepted delivery names its bytes, its delivery and the secret that signed it', () => {
  const rawBody = bodyOf();
  expect(deliver(rawBody, { secret: 'whsec-two', delivery: '234d1a4e-b617-4388-90fe-adc3633d6b72' })).toEqual({
    accepted: true,
    event: { type: 'ignored', why: 'Comment' },
    body: { type: 'Comment', action: 'create', webhookTimestamp: now },
    bodySha256: createHash('sha256').update(rawBody).digest('hex'),
    deliveryId: '234d1a4e-b617-4388-90fe-adc3633d6b72',
    secretId: 'second',
  });
});

test.each([
  ['no signature', bodyOf(), { signature: null }, 401, 'signature_missing'],
  ['a signature that is no hex', bodyOf(), { signature: 'z'.repeat(64) }, 401, 'signature_malformed'],
  ['a signature too short', bodyOf(), { signature: 'ab' }, 401, 'signature_malformed'],
  ['a signature with a tail', bodyOf(), { signature: `${signWebhook(bodyOf(), 'whsec-one')}00` }, 401, 'signature_malformed'],
  ['another secret', bodyOf(), { secret: 'whsec-three' }, 401, 'signature_wrong'],
  ['a signature of other bytes', bodyOf(), { signature: signWebhook(bodyOf({ x: 1 }), 'whsec-one') }, 401, 'signature_wrong'],
  ['a body too large', bodyOf({ text: 'x'.repeat(2000) }), { maxBodyBytes: 1000 }, 413, 'too_large'],
  ['no JSON', bytes('{'), {}, 400, 'not_json'],
  ['no object', bytes('[1]'), {}, 400, 'not_json'],
  ['no UTF-8', Uint8Array.of(0x7b, 0xff, 0x7d), {}, 400, 'not_json'],
  ['nothing', bytes(''), {}, 400, 'not_json'],
  ['a body nested a million deep', bytes(`${'['.repeat(1_000_000)}`), {}, 400, 'too_deep'],
  ['no timestamp in the body', bodyOf({ webhookTimestamp: undefined }), {}, 400, 'timestamp_missing'],
  ['a timestamp that is no number', bodyOf({ webhookTimestamp: String(now) }), {}, 400, 'timestamp_missing'],
  ['a day and a second old', bodyOf({ webhookTimestamp: now - 24 * 3_600_000 - 1000 }), {}, 401, 'too_old'],
  ['a day and a minute in the future', bodyOf({ webhookTimestamp: now + 24 * 3_600_000 + 60_000 }), {}, 401, 'from_the_future'],
])('refused: %s', (_name, rawBody, options, status, reason) => {
  expect(deliver(rawBody, options)).toEqual({ accepted: false, status, reason });
});

test.each([
  ['the last redelivery, seven hours later', -7 * 3_600_000 - 60_000],
  ['a clock four minutes behind', 4 * 60_000],
  ['just now', 0],
])('accepted by age: %s', (_name, shift) => {
  expect(deliver(bodyOf({ webhookTimestamp: now + shift })).accepted).toBe(true);
});

describe('secrets', () => {
  const rawBody = bodyOf();
  const header = (name: string): string | undefined => (name === 'linear-signature' ? signWebhook(rawBody, '') : undefined);

  test('none configured accepts nothing', () => {
    expect(verifyWebhook({ rawBody, header }, { secrets: [], clock })).toEqual({
      accepted: false,
      status: 401,
      reason: 'no_secret_configured',
    });
  });

  test('an empty secret signs nothing', () => {
    const verdict = verifyWebhook({ rawBody, header }, { secrets: [{ id: 'a', secret: '' }], clock });
    expect(verdict).toEqual({ accepted: false, status: 401, reason: 'signature_wrong' });
  });
});

test('a redelivery has the same body hash; the delivery id is taken only where it looks like one', () => {
  const rawBody = bodyOf();
  const [first, again] = [deliver(rawBody, { delivery: 'a-1' }), deliver(rawBody, { delivery: 'x\ny'.repeat(200) })];
  if (!first.accepted || !again.accepted) throw new Error('not accepted');
  expect(again.bodySha256).toBe(first.bodySha256);
  expect([first.deliveryId, again.deliveryId]).toEqual(['a-1', undefined]);
});

test('brackets inside texts are no depth', () => {
  expect(deliver(bodyOf({ text: `"${'[{\\"'.repeat(500)}` })).accepted).toBe(true);
});

test('one changed byte anywhere is refused, and no bytes make it throw', () => {
  const rawBody = bodyOf({ text: 'שלום 👋' });
  const signature = signWebhook(rawBody, 'whsec-one');
  fc.assert(
    fc.property(fc.nat(rawBody.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const changed = rawBody.map((byte, index) => (index === at ? byte ^ change : byte));
      return !deliver(changed, { signature }).accepted;
    }),
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (random) => deliver(random).accepted === false));
});
