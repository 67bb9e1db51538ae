import type { Clock } from 'cyrus-core/clock';

/** The promise's value, or undefined when it takes longer than `ms`; no timer is left behind. */
export async function within<T>(clock: Clock, ms: number, promise: Promise<T>): Promise<T | undefined> {
  const done = new AbortController();
  try {
    return await Promise.race([promise, clock.sleep(ms, done.signal).then(() => undefined)]);
  } finally {
    done.abort();
  }
}
