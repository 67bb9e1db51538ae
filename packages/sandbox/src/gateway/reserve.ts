import type { Clock } from 'cyrus-core/clock';
import type { CallIntent, Granted, Ledger } from 'cyrus-core/ports/ledger';
import type { Price } from 'cyrus-core/prices';
import type { ApiRefusal } from './api-error.ts';
import { affordable, worstCase } from './call-price.ts';
import type { ModelRequest } from './model-request.ts';

export interface ReserveOptions {
  readonly ledger: Ledger;
  readonly price: Price;
  readonly clock: Clock;
  /** Ends with the client. */
  readonly signal: AbortSignal;
  /** What the input really has, as the provider counts it; undefined: it does not say. Asked for only when money gets short. */
  readonly count: () => Promise<number | undefined>;
  /** Earlier calls of the attempt are settled, as far as they are answered. Waited for only when money gets short. */
  readonly settled: () => Promise<void>;
}

export type Reserved = { readonly maxTokens: number } | { readonly refusal: ApiRefusal };

/** Below this an answer is of no use. */
const leastTokens = 512;
/** Above this an answer that is cut shorter than asked for is hardly ever missed. */
const comfortableTokens = 16_384;
const tries = 8;
/** How long calls are held while the ledger cannot be written. */
const ledgerAwayMs = 60_000;
const othersSettleMs = 2_000;
const lookAgainMs = 250;

/** Writes a call down with its worst case, smaller than it was asked for where money is short. */
export async function reserve(
  options: ReserveOptions,
  request: ModelRequest,
  call: Pick<CallIntent, 'callId' | 'attemptId'>,
): Promise<Reserved> {
  const { price } = options;
  let { inputTokens, maxTokens } = request;
  let counted = false;
  let waited = false;
  for (let time = 0; time < tries; time++) {
    const worst = worstCase(price, request, inputTokens, maxTokens);
    const granted = await ask(options, { ...call, model: request.model, worstCase: worst });
    if (granted === undefined) return { refusal: away };
    if (granted.granted) return { maxTokens };
    if (!waited) {
      waited = true;
      const over = new AbortController();
      await Promise.race([options.settled(), options.clock.sleep(othersSettleMs, over.signal)]);
      over.abort();
      continue;
    }
    if (worst === null) return { refusal: spent(granted.reason) };
    let fits = affordable(price, request, inputTokens, granted.left, maxTokens);
    if (!counted && fits < Math.min(request.maxTokens, comfortableTokens)) {
      counted = true;
      const exact = await options.count();
      // The provider's count is an estimate of its own.
      if (exact !== undefined) inputTokens = Math.min(inputTokens, Math.ceil(exact * 1.02) + 100);
      fits = affordable(price, request, inputTokens, granted.left, maxTokens);
    }
    if (fits < Math.min(request.maxTokens, leastTokens)) return { refusal: spent(granted.reason) };
    maxTokens = fits;
  }
  // Others take what is left faster than it can be asked for: that passes, or it is spent.
  return { refusal: { ...away, message: 'The budget is contended for by other calls; ask again.' } };
}

const away: ApiRefusal = {
  status: 503,
  type: 'overloaded_error',
  message: 'What calls cost cannot be written down at the moment; nothing is forwarded until it can.',
  retryAfterS: 5,
};

const spent = (reason: string): ApiRefusal => ({
  status: 402,
  type: 'billing_error',
  message: `No budget for this call: ${reason}`,
  retry: false,
});

/** The ledger's answer, waited for while it is away. Undefined: it stayed away, or the client left. */
async function ask({ ledger, clock, signal }: ReserveOptions, intent: CallIntent): Promise<Granted | undefined> {
  const until = clock.now() + ledgerAwayMs;
  for (;;) {
    try {
      return await ledger.intend(intent);
    } catch {
      if (signal.aborted || clock.now() >= until) return undefined;
      await clock.sleep(lookAgainMs, signal);
    }
  }
}
