import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from 'cyrus-core/clock';
import type { LinearEvent } from './events.ts';
import { parseEvent } from './parse-event.ts';

/** What Linear sends is far smaller; a reader of the body may stop here. */
export const maxWebhookBytes: number = 5 * 1024 * 1024;
/** The last redelivery comes about seven hours after the first, with the same bytes and so the same timestamp. */
export const maxWebhookAgeMs: number = 24 * 3_600_000;
/** How far in the future it may be: this machine's clock may be wrong, and what is signed is Linear's all the same. */
export const maxWebhookSkewMs: number = 24 * 3_600_000;
const maxDepth = 64;

/** One workspace's signing secret. */
export interface WebhookSecret {
  /** Names the secret in the answer: a workspace id, for example. */
  readonly id: string;
  readonly secret: string;
}

export interface WebhookRequest {
  /** The body exactly as received: the signature is over these bytes. */
  readonly rawBody: Uint8Array;
  /** A header by its lower-case name. */
  readonly header: (name: string) => string | null | undefined;
}

export interface WebhookRules {
  readonly secrets: readonly WebhookSecret[];
  readonly clock: Clock;
  readonly maxBodyBytes?: number;
}

export type WebhookRefusal =
  | 'too_large'
  | 'no_secret_configured'
  | 'signature_missing'
  | 'signature_malformed'
  | 'signature_wrong'
  | 'not_json'
  | 'too_deep'
  | 'timestamp_missing'
  | 'too_old'
  | 'from_the_future';

export type WebhookVerdict =
  | {
      readonly accepted: true;
      readonly event: LinearEvent;
      /** The body as parsed JSON, not cleaned: run it through `cleanJson` before it is stored. */
      readonly body: Readonly<Record<string, unknown>>;
      /** Hex; the same for every redelivery, which is byte-identical. */
      readonly bodySha256: string;
      readonly deliveryId: string | undefined;
      readonly secretId: string;
    }
  | { readonly accepted: false; readonly status: 400 | 401 | 413; readonly reason: WebhookRefusal };

/**
 * Decides whether a delivery is Linear's: signature over the raw bytes, then age by the signed `webhookTimestamp`.
 * Nothing is parsed before the signature holds.
 * @see https://linear.app/developers/webhooks#securing-webhooks
 */
export function verifyWebhook(request: WebhookRequest, rules: WebhookRules): WebhookVerdict {
  const { rawBody } = request;
  if (rawBody.byteLength > (rules.maxBodyBytes ?? maxWebhookBytes)) return refused(413, 'too_large');
  if (rules.secrets.length === 0) return refused(401, 'no_secret_configured');
  const signature = request.header('linear-signature');
  if (!signature) return refused(401, 'signature_missing');
  if (!/^[0-9a-f]{64}$/i.test(signature)) return refused(401, 'signature_malformed');
  const secretId = signer(rawBody, signature, rules.secrets);
  if (secretId === undefined) return refused(401, 'signature_wrong');
  const text = utf8(rawBody);
  if (text !== undefined && nestedDeeper(text, maxDepth)) return refused(400, 'too_deep');
  const body = text === undefined ? undefined : parseObject(text);
  if (!body) return refused(400, 'not_json');
  const sentAt = body['webhookTimestamp'];
  if (typeof sentAt !== 'number' || !Number.isFinite(sentAt)) return refused(400, 'timestamp_missing');
  const age = rules.clock.now() - sentAt;
  if (age > maxWebhookAgeMs) return refused(401, 'too_old');
  if (age < -maxWebhookSkewMs) return refused(401, 'from_the_future');
  return {
    accepted: true,
    event: parseEvent(body),
    body,
    bodySha256: createHash('sha256').update(rawBody).digest('hex'),
    deliveryId: delivery(request.header('linear-delivery')),
    secretId,
  };
}

/** The signature Linear would send with these bytes: hex HMAC-SHA256. */
export function signWebhook(rawBody: Uint8Array | string, secret: string): string {
  return createHmac('sha256', secret).update(rawBody).digest('hex');
}

function refused(status: 400 | 401 | 413, reason: WebhookRefusal): WebhookVerdict {
  return { accepted: false, status, reason };
}

/** Every secret is tried, so that the time taken does not tell which one fits. */
function signer(rawBody: Uint8Array, signature: string, secrets: readonly WebhookSecret[]): string | undefined {
  const given = Buffer.from(signature, 'hex');
  const fitting = secrets.filter(
    ({ secret }) => secret !== '' && timingSafeEqual(createHmac('sha256', secret).update(rawBody).digest(), given),
  );
  return fitting[0]?.id;
}

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function nestedDeeper(text: string, limit: number): boolean {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (inString) {
      if (code === 0x5c) at++;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x7b || code === 0x5b) {
      if (++depth > limit) return true;
    } else if (code === 0x7d || code === 0x5d) depth--;
  }
  return false;
}

function delivery(id: string | null | undefined): string | undefined {
  return id && /^[\w.:-]{1,200}$/.test(id) ? id : undefined;
}
