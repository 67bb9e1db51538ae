/** Milliseconds since the Unix epoch. */
export type Instant = number;

/** The only source of time: everything that reads a clock or waits is given one. */
export interface Clock {
  now(): Instant;
  /** Waits `ms`, or until `signal` aborts; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  // Most sleeps are limits of something that ends in time: nothing is thrown, and so nothing made, when one is cut short.
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const end = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      signal?.addEventListener('abort', end, { once: true });
    }),
};

/** A clock that moves only when told; sleepers wake in the order of their time. */
export interface ManualClock extends Clock {
  advance(ms: number): void;
}

export function manualClock(start: Instant = 0): ManualClock {
  let now = start;
  const sleepers: { at: Instant; wake: () => void }[] = [];
  return {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (ms <= 0 || signal?.aborted) return resolve();
        const sleeper = { at: now + ms, wake: resolve };
        sleepers.push(sleeper);
        signal?.addEventListener('abort', () => resolve(), { once: true });
      }),
    advance(ms) {
      now += ms;
      const due = sleepers.filter((sleeper) => sleeper.at <= now).sort((a, b) => a.at - b.at);
      for (const sleeper of due) {
        sleepers.splice(sleepers.indexOf(sleeper), 1);
        sleeper.wake();
      }
    },
  };
}
