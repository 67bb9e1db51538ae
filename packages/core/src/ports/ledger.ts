import type { MicroUsd } from '../money.ts';

/** One call to a paid model, before it is made. */
export interface CallIntent {
  /** Chosen by the caller; the same one twice is one call. */
  readonly callId: string;
  readonly attemptId: string;
  readonly model: string;
  /** What the call costs at most: all input uncached, all output allowed; null: the model has no known price. */
  readonly worstCase: MicroUsd | null;
}

/** What a call has really used. */
export interface CallUsage {
  readonly model: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
  /** Null: unpriced. */
  readonly cost: MicroUsd | null;
  /** Name and version of the price list. */
  readonly prices: string;
}

export type Granted =
  | { readonly granted: true }
  /** `left`: what could be granted; the caller may ask again for a smaller call under the same id. */
  | { readonly granted: false; readonly left: MicroUsd; readonly reason: string };

/** The book of money. Everything that may cost is written down before it is done; what is never settled counts with its worst case. */
export interface Ledger {
  /** Writes a call down against what its attempt holds, in one transaction, before the call is made. */
  intend(intent: CallIntent): Promise<Granted>;
  /** The call is over: what it used replaces what was written down. Null: it certainly cost nothing. Twice is harmless. */
  settle(callId: string, usage: CallUsage | null): Promise<void>;
}
