import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

export type GithubVerdict =
  | { readonly accepted: true; readonly event: string; readonly deliveryId: string; readonly body: Readonly<Record<string, unknown>> }
  | { readonly accepted: false; readonly status: 400 | 401; readonly reason: string };

/**
 * Decides whether a delivery is GitHub's: HMAC-SHA256 over the raw bytes. GitHub signs no time, so age cannot be told;
 * the delivery id is the same on redelivery.
 * @see https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
 */
export function verifyGithub(rawBody: Buffer, headers: IncomingHttpHeaders, secret: string | undefined): GithubVerdict {
  if (secret === undefined) return refused(401, 'no_secret_configured');
  const signature = headers['x-hub-signature-256'];
  if (typeof signature !== 'string' || !/^sha256=[0-9a-f]{64}$/i.test(signature)) return refused(401, 'signature_missing');
  const expected = createHmac('sha256', secret).update(rawBody).digest();
  if (!timingSafeEqual(expected, Buffer.from(signature.slice(7), 'hex'))) return refused(401, 'signature_wrong');
  const event = headers['x-github-event'];
  const deliveryId = headers['x-github-delivery'];
  if (typeof event !== 'string' || !/^[\w.-]{1,100}$/.test(event)) return refused(400, 'event_missing');
  if (typeof deliveryId !== 'string' || !/^[\w.:-]{1,200}$/.test(deliveryId)) return refused(400, 'delivery_missing');
  try {
    const body: unknown = JSON.parse(rawBody.toString('utf8'));
    if (typeof body !== 'object' || body === null || Array.isArray(body)) return refused(400, 'not_json');
    return { accepted: true, event, deliveryId, body: body as Record<string, unknown> };
  } catch {
    return refused(400, 'not_json');
  }
}

function refused(status: 400 | 401, reason: string): GithubVerdict {
  return { accepted: false, status, reason };
}
