import type { Tx } from '../pool.ts';
import { tellEntity } from './job-tell.ts';

export interface WaitingJob {
  readonly id: string;
  readonly bootId: string;
  readonly planId: string | null;
  readonly taskId: string | null;
  readonly attemptId: string | null;
}

/**
 * Records what a running job waits for. `tell`: people hear of it too, once for each `key`. False: the job is not this boot's (any more).
 */
export async function recordWaiting(
  tx: Tx,
  job: WaitingJob,
  waiting: { readonly key: string; readonly reason: string; readonly tell: boolean },
): Promise<boolean> {
  const { rows } = await tx.query(`select from cyrus.host_job where id = $1 and boot_id = $2 and state = 'running'`, [job.id, job.bootId]);
  if (rows.length === 0) return false;
  const { key, reason } = waiting;
  await tx.query(`insert into cyrus.event (type, plan_id, task_id, attempt_id, payload) values ('checkout.waiting', $1, $2, $3, $4)`, [
    job.planId,
    job.taskId,
    job.attemptId,
    JSON.stringify({ key, reason }),
  ]);
  if (waiting.tell && job.planId !== null) await tellEntity(tx, `plan:${job.planId}`, 'job_waiting', { key, reason });
  return true;
}
