import { createHmac, timingSafeEqual } from 'node:crypto';
import { err, ok, type Result } from 'cyrus-core/result';

/** A request as it came in. Header names in lower case, as Node gives them. */
export interface WebhookRequest {
  readonly rawBody: Uint8Array;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

export interface VerifiedWebhook {
  /** The same on a redelivery. */
  readonly deliveryId: string;
  /** As `pull_request`, `check_run`. */
  readonly event: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

export interface WebhookRefusal {
  readonly reason: 'signature_missing' | 'signature_wrong' | 'delivery_missing' | 'not_json';
  /** For the log; says nothing about the secret. */
  readonly message: string;
}

const refuse = (reason: WebhookRefusal['reason'], message: string): Result<never, WebhookRefusal> => err({ reason, message });

/**
 * Verifies `X-Hub-Signature-256` over the raw bytes in constant time, before anything of them is read.
 * @throws RangeError when the secret is empty: everybody could sign
 * @see https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
 */
export function verifyWebhook(request: WebhookRequest, secret: string): Result<VerifiedWebhook, WebhookRefusal> {
  if (secret === '') throw new RangeError('the webhook secret is empty');
  const header = (name: string): string | undefined => {
    const value = request.headers[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const signature = header('x-hub-signature-256');
  if (signature === undefined) return refuse('signature_missing', 'no X-Hub-Signature-256: set a secret on the webhook');
  const given = /^sha256=([0-9a-f]{64})$/i.exec(signature)?.[1];
  const expected = createHmac('sha256', secret).update(request.rawBody).digest();
  if (given === undefined || !timingSafeEqual(Buffer.from(given, 'hex'), expected))
    return refuse('signature_wrong', 'the signature does not fit: the secrets differ, or the body was changed on its way');
  const [deliveryId, event] = [header('x-github-delivery'), header('x-github-event')];
  if (deliveryId === undefined || event === undefined) return refuse('delivery_missing', 'no X-GitHub-Delivery or X-GitHub-Event');
  const payload = parseObject(request.rawBody);
  if (!payload) return refuse('not_json', 'the body is no JSON object: set the content type of the webhook to application/json');
  return ok({ deliveryId, event, payload });
}

function parseObject(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined;
  }
}
