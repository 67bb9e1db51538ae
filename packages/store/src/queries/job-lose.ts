import type { JobEnd } from 'cyrus-core/domain/effects';
import type { Tx } from '../pool.ts';
import { tellEntity } from './job-tell.ts';

const failure = { class: 'sandbox_lost', message: 'The service ended while this ran.' } as const;

/**
 * Ends what other boots left running, and tells each one's entity. To be called by the one process that may run jobs, once
 * nothing of theirs runs any more: whoever is told may start the work anew at once.
 */
export async function loseJobs(tx: Tx, bootId: string): Promise<readonly JobEnd[]> {
  const { rows } = await tx.query<{ id: string; kind: JobEnd['kind']; notify: string }>(
    `update cyrus.host_job j
        set state = 'lost', failure = $2, ended_at = coalesce($3::timestamptz, clock_timestamp())
      where j.state = 'running' and j.boot_id is distinct from $1
     returning j.id, j.kind, j.notify`,
    [bootId, JSON.stringify(failure), tx.manualNow()],
  );
  const ends: JobEnd[] = [];
  for (const { id, kind, notify } of rows) {
    await tx.query(`update cyrus.job_message set outcome = 'too_late' where job_id = $1 and outcome is null`, [id]);
    const end: JobEnd = { jobId: id, kind, state: 'lost', result: null, failure };
    await tellEntity(tx, notify, 'job', { ...end });
    ends.push(end);
  }
  return ends;
}
