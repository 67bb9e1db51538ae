import type { TokenKind } from './tokens.ts';

const windowMs = 3_600_000;

export interface Allowance {
  /** Requests in an hour of Linear's time. */
  readonly requests: number;
  /** Complexity points in an hour. */
  readonly points: number;
}

export const allowances: Readonly<Record<TokenKind, Allowance>> = {
  app: { requests: 5_000, points: 2_000_000 },
  key: { requests: 5_000, points: 3_000_000 },
};

/** Points a single query may cost. */
export const maxQueryPoints = 10_000;

interface Bucket {
  requests: number;
  points: number;
  at: number;
}

export interface Verdict {
  readonly allowed: boolean;
  readonly headers: Readonly<Record<string, string>>;
}

/** Leaky buckets by user: a full hour's allowance at first, refilled evenly. */
export class Limits {
  private readonly buckets = new Map<string, Bucket>();
  private readonly timeScale: number;
  private readonly requestsPerHour: number | undefined;

  constructor(timeScale: number, requestsPerHour?: number) {
    this.timeScale = timeScale;
    this.requestsPerHour = requestsPerHour;
  }

  /** Charges one request of `points`, or refuses it when the bucket is empty. */
  charge(userId: string, kind: TokenKind, points: number, now: number = Date.now()): Verdict {
    const limit = { ...allowances[kind], ...(this.requestsPerHour ? { requests: this.requestsPerHour } : {}) };
    const bucket = this.refilled(userId, limit, now);
    const allowed = bucket.requests >= 1 && bucket.points >= points;
    if (allowed) {
      bucket.requests -= 1;
      bucket.points -= points;
    }
    const resetAt = (left: number, full: number): string => String(Math.ceil(now + ((1 - left / full) * windowMs) / this.timeScale));
    const refillMs = windowMs / this.timeScale / limit.requests;
    return {
      allowed,
      headers: {
        'x-complexity': String(points),
        'x-ratelimit-requests-limit': String(limit.requests),
        'x-ratelimit-requests-remaining': String(Math.floor(bucket.requests)),
        'x-ratelimit-requests-reset': resetAt(bucket.requests, limit.requests),
        'x-ratelimit-complexity-limit': String(limit.points),
        'x-ratelimit-complexity-remaining': String(Math.floor(bucket.points)),
        'x-ratelimit-complexity-reset': resetAt(bucket.points, limit.points),
        ...(allowed ? {} : { 'retry-after': String(Math.ceil(refillMs / 1000)) }),
      },
    };
  }

  private refilled(userId: string, limit: Allowance, now: number): Bucket {
    const bucket = this.buckets.get(userId) ?? { ...limit, at: now };
    const share = ((now - bucket.at) * this.timeScale) / windowMs;
    bucket.requests = Math.min(limit.requests, bucket.requests + share * limit.requests);
    bucket.points = Math.min(limit.points, bucket.points + share * limit.points);
    bucket.at = now;
    this.buckets.set(userId, bucket);
    return bucket;
  }
}
