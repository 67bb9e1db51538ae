import type { Failure } from 'cyrus-core/failure';
import type { Queryable } from '../pool.ts';

/** Puts a write that is under way back to where it was in its lane, to be tried again after `delayMs`. */
export async function requeueWrite(
  db: Queryable,
  write: { readonly id: string; readonly delayMs: number; readonly failure: Failure },
): Promise<void> {
  await db.query(
    `update cyrus.outbound_write
     set state = 'queued', failure = $3::jsonb,
         not_before = coalesce($4::timestamptz, clock_timestamp()) + make_interval(secs => $2::float8 / 1000)
     where id = $1 and state = 'sending'`,
    [write.id, write.delayMs, JSON.stringify(write.failure), db.manualNow()],
  );
}
