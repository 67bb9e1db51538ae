import type { JobEnd } from 'cyrus-core/domain/effects';
import type { Tx } from '../pool.ts';
import { tellEntity } from './job-tell.ts';

/** Ends every queued job that was asked to end, and those of plans that were asked to stop, except their cleanups; tells each one's entity. */
export async function killQueuedJobs(tx: Tx): Promise<readonly JobEnd[]> {
  const { rows } = await tx.query<{ id: string; kind: JobEnd['kind']; notify: string }>(
    `update cyrus.host_job j set state = 'killed', ended_at = coalesce($1::timestamptz, clock_timestamp())
      where j.id in (
        select q.id from cyrus.host_job q
         where q.state = 'queued'
           and (q.kill_requested_at is not null
             or q.kind <> 'cleanup' and exists (select from cyrus.stop_request s where s.plan_id = q.plan_id))
           for update skip locked)
     returning j.id, j.kind, j.notify`,
    [tx.manualNow()],
  );
  const ends: JobEnd[] = [];
  for (const { id, kind, notify } of rows) {
    const end: JobEnd = { jobId: id, kind, state: 'killed', result: null, failure: null };
    await tellEntity(tx, notify, 'job', { ...end });
    ends.push(end);
  }
  return ends;
}
