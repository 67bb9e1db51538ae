import type { Failure } from 'cyrus-core/failure';
import type { ClaimedWrite } from 'cyrus-store/queries/outbound-claim';

/** What became of one try of a write. */
export type WriteOutcome =
  | { readonly state: 'sent'; readonly result: Readonly<Record<string, unknown>>; readonly subject?: string }
  /** For good: the same write would be refused again. */
  | { readonly state: 'rejected'; readonly failure: Failure }
  /** Not now, or unknown whether it happened: the same write, under the same id, is tried again. */
  | {
      readonly state: 'retry';
      readonly failure: Failure;
      /** Where repositories have credentials of their own: whose was refused. Writes of the others are not held up by that. */
      readonly subject?: string;
    };

/**
 * Makes one write happen outside, at most once however often it is called with the same `id`: the provider takes the id
 * as an idempotency key, or the effect is looked up first. Gives up by itself in bounded time, or when `signal` aborts.
 */
export type Perform = (write: ClaimedWrite, signal: AbortSignal) => Promise<WriteOutcome>;

const passing: ReadonlySet<Failure['class']> = new Set([
  ...(['network', 'rate_limited', 'quota_exhausted', 'timeout', 'auth', 'missing_binary'] as const),
  // A git that somebody killed.
  'sandbox_lost',
]);

/** What may pass is tried again; a refusal is for good. */
export function outcomeOfFailure(failure: Failure, subject?: string): WriteOutcome {
  if (!passing.has(failure.class)) return { state: 'rejected', failure };
  return { state: 'retry', failure, ...(subject === undefined ? {} : { subject }) };
}

/** A write that can never be made. */
export function rejected(message: string, fix?: string): WriteOutcome {
  return { state: 'rejected', failure: { class: 'invalid_request', message, ...(fix === undefined ? {} : { fix }) } };
}
