import type { Clock, Instant } from 'cyrus-core/clock';

/**
 * Shares the service's limit on logs (60 a minute) between runs. Those at work get a third of it, in turns: what is left is for those that
 * have ended, whose end is told only with the rest of their log.
 */
export interface LogBudget {
  /** Joins those who read. */
  join(): LogReading;
}

export interface LogReading {
  /** Whether the log of this run may be read although it goes on; true counts as a reading. */
  mayLook(): boolean;
  leave(): void;
}

const perReadingMs = 3_000;
/** As many at once after a pause. */
const most = 6;

export function createLogBudget(clock: Clock): LogBudget {
  let readers = 0;
  let left = most;
  let countedAt: Instant = clock.now();

  function refill(): void {
    const now = clock.now();
    // A clock that was set back gives nothing and takes nothing.
    left = Math.min(most, left + Math.max(0, now - countedAt) / perReadingMs);
    countedAt = now;
  }

  return {
    join() {
      readers++;
      let nextAt: Instant = 0;
      return {
        mayLook() {
          refill();
          if (left < 1 || clock.now() < nextAt) return false;
          left--;
          nextAt = clock.now() + perReadingMs * readers;
          return true;
        },
        leave() {
          readers--;
        },
      };
    },
  };
}
