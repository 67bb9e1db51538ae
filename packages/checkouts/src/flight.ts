import type { Clock, Instant } from 'cyrus-core/clock';
import { FailureError } from 'cyrus-core/failure';

export interface JoinOptions<P> {
  /** An answer of work that began at this time or later is good enough. Absent: of whatever is under way. */
  readonly since?: Instant | undefined;
  /** Ends the waiting; and the work itself, once nobody waits for it. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: P) => void) | undefined;
}

/** One piece of work that many want at the same time. */
export interface Flight<T, P> {
  /** @throws what the work throws; FailureError `sandbox_lost` when `signal` aborts */
  join(options?: JoinOptions<P>): Promise<T>;
}

/** `begin` is called once the work really starts: who wants something newer than that has to wait for the next. */
export type FlightWork<T, P> = (flight: {
  readonly signal: AbortSignal;
  readonly begin: () => void;
  readonly tell: (progress: P) => void;
}) => Promise<T>;

interface Running<T, P> {
  readonly done: Promise<T>;
  readonly controller: AbortController;
  readonly listeners: Set<(progress: P) => void>;
  waiting: number;
  began: Instant | undefined;
}

/** `last`: kept by the caller, so that it outlives this flight. */
export function createFlight<T, P>(
  clock: Clock,
  last: { answer?: { readonly value: T; readonly began: Instant } },
  work: FlightWork<T, P>,
): Flight<T, P> {
  let newest: Running<T, P> | undefined;

  function takeOff(): Running<T, P> {
    const controller = new AbortController();
    const listeners = new Set<(progress: P) => void>();
    const begin = (): void => {
      running.began = clock.now();
    };
    const tell = (progress: P): void => {
      for (const listener of listeners) listener(progress);
    };
    const done = Promise.resolve().then(() => work({ signal: controller.signal, begin, tell }));
    const running: Running<T, P> = { done, controller, listeners, waiting: 0, began: undefined };
    const over = (): void => {
      if (newest === running) newest = undefined;
    };
    done.then(
      (value) => {
        over();
        if (running.began !== undefined) last.answer = { value, began: running.began };
      },
      () => over(),
    );
    return running;
  }

  return {
    async join({ since, signal, onProgress } = {}) {
      if (signal?.aborted) throw stopped();
      if (since !== undefined && last.answer !== undefined && last.answer.began >= since) return last.answer.value;
      const late = newest?.began !== undefined && since !== undefined && newest.began < since;
      if (newest === undefined || late) newest = takeOff();
      const flight = newest;
      flight.waiting++;
      if (onProgress) flight.listeners.add(onProgress);
      const left = new AbortController();
      const aborted = new Promise<never>((_resolve, reject) =>
        signal?.addEventListener('abort', () => reject(stopped()), { signal: left.signal }),
      );
      try {
        return await Promise.race([flight.done, aborted]);
      } finally {
        left.abort();
        if (onProgress) flight.listeners.delete(onProgress);
        flight.waiting--;
        if (flight.waiting === 0) {
          flight.controller.abort();
          if (newest === flight) newest = undefined;
        }
      }
    },
  };
}

const stopped = (): FailureError => new FailureError({ class: 'sandbox_lost', message: 'Stopped.' });
