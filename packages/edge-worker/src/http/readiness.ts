import type { Clock } from 'cyrus-core/clock';
import type { Database } from 'cyrus-store/pool';
import type { Brokers } from '../broker/brokers.ts';

/** Null: all is well. Otherwise what is not, for a person. */
export type ReadinessCheck = () => Promise<string | null> | string | null;

export type Readiness = () => Promise<{ readonly ready: boolean; readonly checks: Readonly<Record<string, string>> }>;

const checkWithinMs = 2_000;

/**
 * Runs every check; one that throws or takes too long is a reason of its own. `notes` are told as well, but webhooks can be taken
 * in spite of them.
 */
export function createReadiness(
  checks: Readonly<Record<string, ReadinessCheck>>,
  clock: Clock,
  notes: Readonly<Record<string, ReadinessCheck>> = {},
): Readiness {
  return async () => {
    const done = new AbortController();
    const late = clock.sleep(checkWithinMs, done.signal).then(() => `no answer within ${checkWithinMs} ms`);
    const results = await Promise.all(
      Object.entries({ ...checks, ...notes }).map(async ([name, check]) => {
        const reason = await Promise.race([late, Promise.resolve().then(check)]).catch((error) =>
          error instanceof Error ? error.message : String(error),
        );
        return [name, reason] as const;
      }),
    );
    done.abort();
    return {
      ready: results.every(([name, reason]) => reason === null || name in notes),
      checks: Object.fromEntries(results.map(([name, reason]) => [name, reason ?? 'ok'])),
    };
  };
}

export function databaseReady(db: Database): ReadinessCheck {
  return async () => {
    await db.query('select 1');
    return null;
  };
}

/** Every broker of this process has to be the one that sends: with another process on the same database one of the two is too many. */
export function brokersReady(state: Brokers['state']): ReadinessCheck {
  return () => {
    const waiting = state().filter(({ held }) => !held);
    return waiting.length === 0
      ? null
      : `not sending (another process does, or the database is away): ${waiting.map(({ credential }) => credential).join(', ')}`;
  };
}
