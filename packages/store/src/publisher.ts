import type { Clock } from 'cyrus-core/clock';
import type { Log } from './log.ts';
import type { Database } from './pool.ts';

/** Says that numbered events are there; its payload is the highest number. */
export const publishedChannel = 'event';

const batchSize = 500;
const lockKey = 7_262_011_901;

/**
 * Numbers the events that are committed and have no number, in the order they were appended. Resolves with how many.
 *
 * A serial id is given before commit, so a reader following it skips what commits late. Numbers are given after commit and
 * by one transaction at a time: what has a lower number than one that can be seen can be seen itself.
 */
export async function publishEvents(db: Database): Promise<number> {
  return db.tx(async (tx) => {
    // A statement of its own: the next one's snapshot has to be younger than the lock.
    await tx.query('select pg_advisory_xact_lock($1)', [lockKey]);
    const { rows } = await tx.query<{ count: number; last: number | null }>(
      `with next as (select id, nextval('cyrus.event_number') as number
                       from (select id from cyrus.event where number is null order by id limit ${batchSize}) unnumbered),
       numbered as (update cyrus.event set number = next.number from next where event.id = next.id returning event.number)
       select count(*) as count, max(number) as last from numbered`,
    );
    const { count = 0, last = null } = rows[0] ?? {};
    if (last !== null) await tx.query('select pg_notify($1, $2)', [publishedChannel, String(last)]);
    return count;
  });
}

/** Numbers everything that is committed when it is called: whoever reads next sees it. */
export async function publishPending(db: Database): Promise<void> {
  // Without a transaction and a lock when there is nothing to do, which is most of the time.
  const { rowCount } = await db.query('select from cyrus.event where number is null limit 1');
  if (rowCount > 0) while ((await publishEvents(db)) === batchSize);
}

export interface Publisher {
  stop(): Promise<void>;
}

export interface PublisherOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly pollMs?: number;
}

/** Numbers events until stopped. Any number of processes may run one. */
export function startPublisher({ db, clock, log, pollMs = 500 }: PublisherOptions): Publisher {
  const stopped = new AbortController();

  async function run(): Promise<void> {
    while (!stopped.signal.aborted) {
      await publishPending(db).catch((error: unknown) => log.warn({ error: String(error) }, 'events could not be numbered yet'));
      await clock.sleep(pollMs, stopped.signal);
    }
  }

  const running = run();
  return {
    async stop() {
      stopped.abort();
      await running;
    },
  };
}
