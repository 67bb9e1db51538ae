import type { Clock } from 'cyrus-core/clock';
import type { RetentionConfig } from 'cyrus-core/config/keeping';
import type { Database } from 'cyrus-store/pool';
import { type Retired, retireRows } from 'cyrus-store/queries/retire-rows';

const dayMs = 24 * 3_600_000;
/** Small enough that nobody waits long for a lock or a page; between two, others have their turn. */
const batch = 2_000;
const pauseMs = 20;

/** Days by what they are about. What events tell goes first: it is the most. */
export function retentionOf(config: RetentionConfig): Readonly<Record<Retired, number>> {
  return {
    events: config.eventsDays,
    calls: config.eventsDays,
    analyses: config.eventsDays,
    messages: config.messagesDays,
    writes: config.writesDays,
    jobs: config.jobsDays,
    arrivals: config.arrivalsDays,
  };
}

/** Deletes what has been over for longer than the configuration keeps it. Resolves with how many rows of each went. */
export async function retire(options: {
  readonly db: Database;
  readonly clock: Clock;
  readonly retention: RetentionConfig;
  readonly signal: AbortSignal;
}): Promise<Readonly<Partial<Record<Retired, number>>>> {
  const { db, clock, signal } = options;
  const now = await db.now();
  const gone: Partial<Record<Retired, number>> = {};
  for (const [what, days] of Object.entries(retentionOf(options.retention)) as [Retired, number][]) {
    let count = batch;
    while (count === batch && !signal.aborted) {
      count = await retireRows(db, what, now - days * dayMs, batch);
      if (count > 0) gone[what] = (gone[what] ?? 0) + count;
      if (count === batch) await clock.sleep(pauseMs, signal);
    }
  }
  return gone;
}
