import { createHmac } from 'node:crypto';
import { request } from 'node:http';

export interface Target {
  readonly url: string;
  readonly secret: string;
}

export interface Envelope {
  /** The exact bytes of the body; a retry sends the same. */
  readonly raw: Buffer;
  readonly deliveryId: string;
  readonly event: string;
  readonly timestamp: number;
}

export interface Answer {
  /** HTTP status; 0 when no answer came. */
  readonly status: number;
  readonly error?: string;
}

/** `Linear-Signature`: hex HMAC-SHA256 of the raw body. */
export function sign(raw: Buffer, secret: string): string {
  return createHmac('sha256', secret).update(raw).digest('hex');
}

/** One attempt, on a connection of its own; never rejects. */
export function post(target: Target, envelope: Envelope, timeoutMs: number): Promise<Answer> {
  const { raw, deliveryId, event, timestamp } = envelope;
  const headers = {
    'content-type': 'application/json; charset=utf-8',
    'content-length': raw.length,
    'user-agent': 'Linear-Webhook',
    'linear-delivery': deliveryId,
    'linear-event': event,
    'linear-signature': sign(raw, target.secret),
    'linear-timestamp': String(timestamp),
  };
  return new Promise((resolve) => {
    const outgoing = request(target.url, { method: 'POST', headers, agent: false }, (response) => {
      response.resume();
      response.on('end', () => resolve({ status: response.statusCode ?? 0 }));
      response.on('error', (error) => resolve({ status: 0, error: error.message }));
    });
    const timer = setTimeout(() => outgoing.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    outgoing.on('error', (error) => resolve({ status: 0, error: error.message }));
    outgoing.on('close', () => clearTimeout(timer));
    outgoing.end(raw);
  });
}

const loopback = new Set(['127.0.0.1', 'localhost', '[::1]']);

/** @throws TypeError for a URL that is not http on this machine: this server reaches no other */
export function checkTarget(target: Target): Target {
  const url = new URL(target.url);
  if (url.protocol !== 'http:' || !loopback.has(url.hostname))
    throw new TypeError(`the webhook URL must be http on this machine, not ${target.url}`);
  if (!target.secret) throw new TypeError('the webhook secret is empty');
  return target;
}
