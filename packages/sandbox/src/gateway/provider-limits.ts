import type { Clock, Instant } from 'cyrus-core/clock';

/** What the provider has said of when it takes calls again, per model. */
export interface ProviderLimits {
  /** Undefined: it takes them now. */
  until(model: string): Instant | undefined;
  /** Takes note of an answer; the moment it names, where it limits calls. */
  note(model: string, status: number, retryAfter: string | undefined): Instant | undefined;
}

export function providerLimits(clock: Clock): ProviderLimits {
  const limited = new Map<string, Instant>();
  return {
    until(model) {
      const at = limited.get(model);
      if (at === undefined || at > clock.now()) return at;
      limited.delete(model);
      return undefined;
    },
    note(model, status, retryAfter) {
      if (status !== 429 && status !== 529) return undefined;
      const at = momentOf(retryAfter, clock.now());
      // Overload passes by itself: everyone asks again in their own time.
      if (at !== undefined && status === 429) limited.set(model, at);
      return at;
    },
  };
}

/** `Retry-After`: seconds, or a date. */
function momentOf(retryAfter: string | undefined, now: Instant): Instant | undefined {
  if (retryAfter === undefined) return undefined;
  const seconds = Number(retryAfter);
  if (Number.isFinite(seconds) && seconds >= 0) return now + seconds * 1000;
  const date = Date.parse(retryAfter);
  return Number.isNaN(date) ? undefined : date;
}
