import type { Clock, Instant } from 'cyrus-core/clock';

/** What a provider allows one credential: at most `limit` calls in any `perMs`. */
export interface RateLimit {
  /** Names the kind of call, where the provider counts kinds apart: `create`, `read`. */
  readonly bucket: string;
  readonly limit: number;
  readonly perMs: number;
}

/** Holds the calls of one credential below its provider's limits, whoever makes them. */
export interface Limiter {
  /**
   * Milliseconds to wait before asking again; 0: the call may be made now, and is counted. `credential` names an account
   * (`codegen:ORG`), and is no secret itself.
   */
  take(credential: string, rate: RateLimit, cost?: number): Promise<number>;
  /** The provider said when to come back: nobody calls with this credential before. `bucket`: this kind of call alone. */
  holdBack(credential: string, until: Instant, bucket?: string): Promise<void>;
}

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

/** For one process alone, and for tests. */
export function memoryLimiter(clock: Clock): Limiter {
  const windows = new Map<string, RateWindow>();
  const read = (credential: string, bucket: string): RateWindow => windows.get(`${credential} ${bucket}`) ?? { taken: [], held: null };
  const write = (credential: string, bucket: string, window: RateWindow): void => void windows.set(`${credential} ${bucket}`, window);
  return {
    async take(credential, rate, cost = 1) {
      const window = read(credential, rate.bucket);
      const next = takeFrom(window, [window.held, read(credential, everyBucket).held], rate, cost, clock.now());
      write(credential, rate.bucket, next.window);
      return next.waitMs;
    },
    async holdBack(credential, until, bucket = everyBucket) {
      const window = read(credential, bucket);
      write(credential, bucket, { ...window, held: heldBack(window.held, until, clock.now()) });
    },
  };
}

/** The bucket of what holds for every kind of call. */
export const everyBucket = '';

/**
 * Waits for a turn. Those who wait come back spread by up to a tenth of their wait, not all at once.
 * @throws the signal's reason when it aborts
 */
export async function waitForTurn(options: {
  readonly limiter: Limiter;
  readonly clock: Clock;
  readonly random: () => number;
  readonly credential: string;
  readonly rate: RateLimit;
  readonly cost?: number;
  readonly signal?: AbortSignal;
}): Promise<void> {
  const { limiter, clock, random, credential, rate, cost, signal } = options;
  for (;;) {
    signal?.throwIfAborted();
    const waitMs = await limiter.take(credential, rate, cost);
    if (waitMs === 0) return;
    await clock.sleep(Math.ceil(waitMs * (1 + random() / 10)), signal);
  }
}
