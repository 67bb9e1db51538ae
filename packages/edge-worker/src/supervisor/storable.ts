import type { Redact } from './redact.ts';

/** The largest text kept whole in an event, in bytes. */
export const eventTextBytes: number = 16 * 1024;
const payloadBytes = 64 * 1024;

/**
 * A copy of JSON-like `value` that Postgres takes (no NUL, no half of a surrogate pair) and that may be shown (no secret), its
 * texts cut to `textBytes`. What JSON has no form for is left out.
 */
export function storable(value: unknown, redact: Redact, textBytes: number = Number.POSITIVE_INFINITY, depth = 0): unknown {
  if (typeof value === 'string') return cutText(redact(value.replaceAll('\u0000', '\ufffd').toWellFormed()), textBytes);
  if (typeof value === 'bigint') return value.toString();
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (depth > 40 || typeof value !== 'object') return undefined;
  if (Array.isArray(value)) return value.map((item) => storable(item, redact, textBytes, depth + 1) ?? null);
  const copy: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    const kept = storable(item, redact, textBytes, depth + 1);
    if (kept !== undefined) copy[String(storable(key, redact, 512))] = kept;
  }
  return copy;
}

/** An event's payload: its texts cut, and the whole replaced by its beginning where it is still too much. */
export function storableEvent(event: Readonly<Record<string, unknown>>, redact: Redact): Record<string, unknown> {
  const payload = storable(event, redact, eventTextBytes) as Record<string, unknown>;
  const text = JSON.stringify(payload);
  if (text.length <= payloadBytes) return payload;
  return { type: payload['type'], truncated: true, text: cutText(text, eventTextBytes) };
}

/** `text`, cut to at most `bytes` of UTF-8 with a mark that says how much is gone. */
export function cutText(text: string, bytes: number): string {
  // A UTF-16 unit is at most three bytes: most texts need no counting.
  if (text.length * 3 <= bytes) return text;
  const size = Buffer.byteLength(text);
  if (size <= bytes) return text;
  const mark = ` … [${size - bytes} bytes cut]`;
  // Decoding in streaming mode leaves out a character cut in half at the end.
  const start = new TextDecoder().decode(Buffer.from(text).subarray(0, Math.max(0, bytes - Buffer.byteLength(mark))), { stream: true });
  return `${start}${mark}`;
}
