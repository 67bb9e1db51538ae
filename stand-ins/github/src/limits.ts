import { type Answer, refusal } from './answer.ts';
import type { Account } from './world.ts';

export interface Quota {
  readonly limit: number;
  readonly remaining: number;
  /** Seconds since the epoch. */
  readonly reset: number;
  readonly used: number;
}

export interface Limiter {
  /** Counts one call; `undefined` when it is within the limits, else the refusal. */
  take(account: Account, writes: boolean): Answer | undefined;
  quota(account: Account): Quota;
}

export interface LimitOptions {
  /** Calls an hour and account. */
  readonly perHour: number;
  /** Writes a minute and account; undefined: not limited. */
  readonly writesPerMinute: number | undefined;
  /** How many times faster than real time the windows pass. */
  readonly timeScale: number;
}

interface Window {
  start: number;
  used: number;
}

/** The refusal of a secondary limit. */
export const secondaryLimit = (retryAfterSeconds: number): Answer =>
  refusal(403, 'You have exceeded a secondary rate limit. Please wait a few minutes before you try again.', {
    'retry-after': String(retryAfterSeconds),
  }).answer;

/** The refusal of the primary limit; the reset is a header. */
export const primaryLimit = (account: Account, quota: Quota): Answer =>
  refusal(403, `API rate limit exceeded for user ID ${account.id}.`, {
    'x-ratelimit-limit': String(quota.limit),
    'x-ratelimit-remaining': '0',
    'x-ratelimit-used': String(quota.limit),
    'x-ratelimit-reset': String(quota.reset),
    'x-ratelimit-resource': 'core',
  }).answer;

/** The primary limit per hour and, when asked for, the secondary limit on writes per minute. */
export function createLimiter(options: LimitOptions): Limiter {
  const hours = new Map<number, Window>();
  const minutes = new Map<number, Window>();
  const current = (windows: Map<number, Window>, account: Account, lengthMs: number): Window => {
    const known = windows.get(account.id);
    if (known && Date.now() < known.start + lengthMs) return known;
    const fresh = { start: Date.now(), used: 0 };
    windows.set(account.id, fresh);
    return fresh;
  };
  const hourMs = 3_600_000 / options.timeScale;
  const minuteMs = 60_000 / options.timeScale;
  const quota = (account: Account): Quota => {
    const window = current(hours, account, hourMs);
    return {
      limit: options.perHour,
      used: Math.min(window.used, options.perHour),
      remaining: Math.max(0, options.perHour - window.used),
      reset: Math.ceil((window.start + hourMs) / 1000),
    };
  };
  return {
    quota,
    take(account, writes) {
      if (quota(account).remaining === 0) return primaryLimit(account, quota(account));
      current(hours, account, hourMs).used += 1;
      if (!writes || options.writesPerMinute === undefined) return undefined;
      const window = current(minutes, account, minuteMs);
      if (window.used >= options.writesPerMinute)
        return secondaryLimit(Math.max(1, Math.ceil((window.start + minuteMs - Date.now()) / 1000)));
      window.used += 1;
      return undefined;
    },
  };
}
