import type { Clock } from 'cyrus-core/clock';
import { isDiskFull } from 'cyrus-store/connection-lost';
import type { Log } from 'cyrus-store/log';
import { type Database, isConnectionError, type Tx } from 'cyrus-store/pool';

const longestWaitMs = 1_000;

/**
 * Runs `work` in a transaction until the database has taken it: an outage, or a disk without room, only delays. `work` may run again after a commit
 * whose outcome is unknown, so it has to be harmless the second time.
 * @throws what `work` throws; the connection's error once `givenUp` aborts
 */
export async function untilStored<T>(
  options: { readonly db: Database; readonly clock: Clock; readonly log: Log; readonly givenUp: AbortSignal },
  what: string,
  work: (tx: Tx) => Promise<T>,
): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await options.db.tx(work);
    } catch (error) {
      if (!(isConnectionError(error) || isDiskFull(error)) || options.givenUp.aborted) throw error;
      if (tries === 0)
        options.log.warn({ what, error: String(error) }, 'the database is away or has no room; this is kept and stored when it can be');
      await options.clock.sleep(Math.min(longestWaitMs, 50 * 2 ** tries), options.givenUp);
    }
  }
}
