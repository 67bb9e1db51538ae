import type { Instant } from 'cyrus-core/clock';
import type { Failure } from 'cyrus-core/failure';

export interface Retry {
  readonly delayMs: number;
  /** Every write of the credential waits, not this lane alone. */
  readonly pauses: 'credential' | 'lane';
}

const firstDelayMs = 250;
const longestDelayMs = 15_000;
/** A login may be refused in passing, as while a token is replaced; one that stays refused waits for a person. */
const firstAuthDelayMs = 4_000;
const longestAuthDelayMs = 60_000;
const blindLimitDelayMs = 30_000;

/**
 * When to try a write again. Without an end: only a person or a provider's plain no ends a write. `random`: 0 ≤ x < 1.
 * Rate limits and refused logins are the credential's, so its other writes would only meet the same; a network failure
 * may be one request's alone.
 */
export function decideRetry(failure: Failure, attempts: number, now: Instant, random: number): Retry {
  const given = failure.retryAt === undefined ? undefined : Math.max(0, failure.retryAt - now);
  switch (failure.class) {
    case 'rate_limited':
    case 'quota_exhausted':
      // A little late rather than all at the same instant as everybody else.
      return { delayMs: Math.round((given ?? blindLimitDelayMs * (0.5 + random)) + random * 250), pauses: 'credential' };
    case 'auth':
    case 'missing_binary':
      return { delayMs: given ?? Math.min(longestAuthDelayMs, firstAuthDelayMs * 4 ** Math.min(attempts - 1, 5)), pauses: 'credential' };
    default: {
      const ceiling = Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(attempts - 1, 10));
      return { delayMs: Math.round(given ?? ceiling * random), pauses: 'lane' };
    }
  }
}
