import type { Instant } from '../clock.ts';

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
