import type { Tx } from '../pool.ts';
import { tellEntity } from './job-tell.ts';

/** An agent has certainly read its messages up to `n`: kept, and told once to the job's entity. */
export async function markMessagesDelivered(tx: Tx, jobId: string, n: number): Promise<void> {
  const { rowCount } = await tx.query(
    `update cyrus.job_message set delivered_at = coalesce($3::timestamptz, clock_timestamp())
      where job_id = $1 and n <= $2 and delivered_at is null`,
    [jobId, n, tx.manualNow()],
  );
  if (rowCount === 0) return;
  const { rows } = await tx.query<{ notify: string }>('select notify from cyrus.host_job where id = $1', [jobId]);
  if (rows[0]) await tellEntity(tx, rows[0].notify, 'delivered', { jobId, n });
}
