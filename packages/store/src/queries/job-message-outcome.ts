import type { Queryable } from '../pool.ts';

/** Keeps what became of one message for a running agent. */
export async function setMessageOutcome(
  tx: Queryable,
  message: { readonly jobId: string; readonly n: number; readonly outcome: 'steered' | 'queued' | 'too_late' },
): Promise<void> {
  await tx.query('update cyrus.job_message set outcome = $3 where job_id = $1 and n = $2 and outcome is null', [
    message.jobId,
    message.n,
    message.outcome,
  ]);
}
