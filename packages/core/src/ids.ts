import { createHash, randomUUID } from 'node:crypto';

/** Where ids come from: passed in, so that a test names its own. */
export interface Ids {
  next(): string;
}

export const systemIds: Ids = { next: () => randomUUID() };

/** Ids `prefix-1`, `prefix-2`, … */
export function countingIds(prefix = 'id'): Ids {
  let count = 0;
  return { next: () => `${prefix}-${++count}` };
}

/**
 * The UUID that always belongs to `key`: the same decision made twice names the same outside effect.
 * Shaped as a version 4 UUID, which is what Linear accepts as a client-chosen id.
 */
export function idOf(key: string): string {
  const hex = createHash('sha256').update(key).digest('hex');
  const variant = ((Number.parseInt(hex[16] ?? '0', 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
