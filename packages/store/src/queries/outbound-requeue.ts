import type { Failure } from 'cyrus-core/failure';
import type { Tx } from '../pool.ts';
import { tellEntity } from './job-tell.ts';

/**
 * Puts a write that is under way back to where it was in its lane, to be tried again after `delayMs`. `tell`: whoever waits
 * for the write hears that it takes longer, and why.
 */
export async function requeueWrite(
  tx: Tx,
  write: { readonly id: string; readonly delayMs: number; readonly failure: Failure; readonly tell: boolean },
): Promise<void> {
  const { rows } = await tx.query<{ notify: string | null; kind: string }>(
    `update cyrus.outbound_write
     set state = 'queued', failure = $3::jsonb,
         not_before = coalesce($4::timestamptz, clock_timestamp()) + make_interval(secs => $2::float8 / 1000)
     where id = $1 and state = 'sending' returning notify, kind`,
    [write.id, write.delayMs, JSON.stringify(write.failure), tx.manualNow()],
  );
  const row = rows[0];
  if (write.tell && row?.notify) await tellEntity(tx, row.notify, 'write_delayed', { kind: row.kind, failure: write.failure });
}
