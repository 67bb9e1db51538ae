import type { Clock } from 'cyrus-core/clock';
import { isDiskFull } from 'cyrus-store/connection-lost';
import type { Log } from 'cyrus-store/log';
import { type Database, isConnectionError, type Tx } from 'cyrus-store/pool';

const longestWaitMs = 1_000;

interface Storing {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly givenUp: AbortSignal;
}

/** Runs `work` in a transaction, as `untilTaken` does. */
export function untilStored<T>(options: Storing, what: string, work: (tx: Tx) => Promise<T>): Promise<T> {
  return untilTaken(options, what, (db) => db.tx(work));
}

/**
 * Runs `work`, one statement or one transaction, until the database has taken it: an outage, or a disk without room, only delays. `work` may
 * run again after a commit whose outcome is unknown, so it has to be harmless the second time.
 * @throws what `work` throws; the connection's error once `givenUp` aborts
 */
export async function untilTaken<T>(options: Storing, what: string, work: (db: Database) => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await work(options.db);
    } catch (error) {
      if (!(isConnectionError(error) || isDiskFull(error)) || options.givenUp.aborted) throw error;
      if (tries === 0)
        options.log.warn({ what, error: String(error) }, 'the database is away or has no room; this is kept and stored when it can be');
      await options.clock.sleep(Math.min(longestWaitMs, 50 * 2 ** tries), options.givenUp);
    }
  }
}
