import type { Log } from './log.ts';
import type { Database } from './pool.ts';
import { bringForward } from './queries/due-bring-forward.ts';

/** Clocks are set by small steps all the time. */
const noticedMs = 2_000;

/**
 * Looks whether the database's clock was set back since the last look, and if so brings forward what waits: what was due at
 * once a moment ago would otherwise be due in an hour. Early is harmless, an advance only looks. Resolves with whether it was.
 */
export function createClockWatch(db: Database, log: Log): () => Promise<boolean> {
  let last: number | undefined;
  return async () => {
    last ??= await newestKnown(db);
    const now = await db.now();
    const backMs = last - now;
    last = now;
    if (backMs < noticedMs) return false;
    log.warn({ backMs }, 'the clock was set back; everything that waits for a time is brought forward');
    await bringForward(db, backMs);
    return true;
  };
}

/** When something last happened: at a start, what is known of the time before. */
async function newestKnown(db: Database): Promise<number> {
  if (db.manualNow() !== null) return Number.NEGATIVE_INFINITY;
  const { rows } = await db.query<{ at: number }>('select at from cyrus.event order by id desc limit 1');
  return rows[0]?.at ?? Number.NEGATIVE_INFINITY;
}
