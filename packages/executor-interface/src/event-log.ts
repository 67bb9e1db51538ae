import type { ExecutionEvent, RunResult } from './executor.ts';

/** The events of one run: written by the run, read by whoever attaches. It ends with the first `complete`. */
export interface EventLog {
  /** Appends; ignored after `complete`. */
  push(event: ExecutionEvent): void;
  /** Reads from the event number `cursor` (default 0) to the end. Once read to the end, only `complete` is kept. */
  read(cursor?: string): AsyncIterable<ExecutionEvent>;
  readonly ended: RunResult | undefined;
  /** Resolves with the result when the run is over. */
  readonly done: Promise<RunResult>;
}

export function eventLog(): EventLog {
  let events: ExecutionEvent[] = [];
  /** How many events are no longer kept in front of `events`. */
  let forgotten = 0;
  let ended: RunResult | undefined;
  let wake = Promise.withResolvers<void>();
  const done = Promise.withResolvers<RunResult>();

  async function* read(cursor = '0'): AsyncGenerator<ExecutionEvent> {
    for (let next = Number(cursor) || 0; ; ) {
      next = Math.max(next, forgotten);
      const event = events[next - forgotten];
      if (event) {
        next++;
        yield event;
        if (event.type !== 'complete') continue;
        forgotten += events.length - 1;
        events = [event];
        return;
      }
      if (ended) return;
      await wake.promise;
    }
  }

  return {
    push(event) {
      if (ended) return;
      events.push(event);
      if (event.type === 'complete') {
        ended = event.result;
        done.resolve(event.result);
      }
      wake.resolve();
      wake = Promise.withResolvers<void>();
    },
    read,
    get ended() {
      return ended;
    },
    done: done.promise,
  };
}
