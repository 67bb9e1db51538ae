import type { Clock } from 'cyrus-core/clock';
import type { EventLog } from './event-log.ts';
import type { RunResult } from './executor.ts';

export type Outcome = Pick<RunResult, 'state' | 'failure'>;

export interface RunEndOptions {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Takes no more input; called at once, also when called again. */
  readonly close: () => void;
  /** Ends the whole process tree; resolves when nothing of it is left. */
  readonly kill: () => Promise<void>;
  /** What the run has to say at its very end; may still write to the log. */
  readonly result: (outcome: Outcome) => RunResult;
}

/** How a local run ends: by itself, by a stop, by its deadline or by a hopeless error, and exactly once whichever comes first. */
export interface RunEnd {
  /** Aborted when the run is over. */
  readonly over: AbortSignal;
  /** The end was decided from outside the agent; what it still says does not count. */
  readonly decided: boolean;
  /** The agent has gone by itself. */
  finish(outcome: Outcome): void;
  /** Kills the agent first. A second call waits for the first one's end. */
  force(outcome: Outcome): Promise<void>;
}

export function runEnd({ log, clock, timeoutMs, close, kill, result }: RunEndOptions): RunEnd {
  const over = new AbortController();
  let ending: Promise<void> | undefined;

  function finish(outcome: Outcome): void {
    if (log.ended) return;
    close();
    over.abort();
    log.push({ type: 'complete', result: result(outcome) });
  }

  function force(outcome: Outcome): Promise<void> {
    if (log.ended) return Promise.resolve();
    ending ??= (async () => {
      close();
      await kill();
      finish(outcome);
    })();
    return ending;
  }

  void clock.sleep(timeoutMs, over.signal).then(() => {
    if (over.signal.aborted) return;
    const message = `The agent was stopped when its ${Math.ceil(timeoutMs / 60_000)} minutes were over.`;
    void force({ state: 'expired', failure: { class: 'timeout', message, stopped: 'confirmed' } });
  });

  return {
    over: over.signal,
    get decided() {
      return ending !== undefined;
    },
    finish,
    force,
  };
}
