import type { Clock } from 'cyrus-core/clock';
import type { Limiter, RateLimit } from 'cyrus-core/ports/limiter';
import { everyBucket, heldBack, type RateWindow, takeFrom } from 'cyrus-core/rate-window';

export type { Limiter, RateLimit } from 'cyrus-core/ports/limiter';

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
