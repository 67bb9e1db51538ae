import type { Instant } from './clock.ts';
import type { RateLimit } from './ports/limiter.ts';

/** The bucket of what holds for every kind of call. */
export const everyBucket: string = '';

/** Calls that were made lately, and until when none is to be made. */
export interface RateWindow {
  /** When calls were made, oldest first. */
  readonly taken: readonly Instant[];
  readonly held: Hold | null;
}

/** `since`: when it was said; a clock that was set back to before then ends it. */
export interface Hold {
  readonly since: Instant;
  readonly until: Instant;
}

export interface Taken {
  readonly waitMs: number;
  readonly window: RateWindow;
}

/** Longer than this no provider is believed at once: it is asked again then. */
const longestHoldMs = 65 * 60_000;

/**
 * Takes `cost` calls out of a window, or says how long to wait. Pure. Exact: in no span of `perMs` are there more than `limit`.
 * A cost above the limit is taken as the limit.
 */
export function takeFrom(window: RateWindow, holds: readonly (Hold | null)[], rate: RateLimit, cost: number, now: Instant): Taken {
  const taken = window.taken.filter((at) => at <= now && at > now - rate.perMs);
  const until = Math.max(0, ...holds.map((hold) => (hold && now >= hold.since ? hold.until : 0)));
  const calls = Math.min(Math.max(1, cost), rate.limit);
  const over = taken.length + calls - rate.limit;
  const free = over > 0 ? (taken[over - 1] ?? now) + rate.perMs : now;
  const waitMs = Math.max(until, free) - now;
  if (waitMs > 0) return { waitMs, window: { ...window, taken } };
  return { waitMs: 0, window: { ...window, taken: [...taken, ...Array.from({ length: calls }, () => now)] } };
}

/** The later of two holds; one that is longer than any limit lasts is cut. */
export function heldBack(before: Hold | null, until: Instant, now: Instant): Hold {
  const hold = { since: now, until: Math.min(until, now + longestHoldMs) };
  return before && now >= before.since && before.until > hold.until ? before : hold;
}
