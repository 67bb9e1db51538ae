import type { JobEnd, JobKind } from 'cyrus-core/domain/effects';
import type { Failure } from 'cyrus-core/failure';
import type { Tx } from '../pool.ts';
import type { HostJobEnd } from './job-row.ts';
import { tellEntity } from './job-tell.ts';

interface Ended {
  readonly notify: string;
  readonly kind: JobKind;
  readonly state: HostJobEnd['state'];
  readonly result: Readonly<Record<string, unknown>> | null;
  readonly failure: Failure | null;
}

/**
 * Ends a running job of this boot: its row, the messages its agent no longer reads, and the input to its entity. A job of
 * a plan that was asked to stop ends as `killed`, whatever it came to. Undefined: not this boot's to end (any more).
 */
export async function endJob(tx: Tx, job: { readonly id: string; readonly bootId: string }, end: HostJobEnd): Promise<JobEnd | undefined> {
  const { rows } = await tx.query<Ended>(
    `update cyrus.host_job j
        set state = case when j.kind <> 'cleanup' and exists (select from cyrus.stop_request s where s.plan_id = j.plan_id)
                         then 'killed' else $3 end,
            result = $4, failure = $5, ended_at = coalesce($6::timestamptz, clock_timestamp())
      where j.id = $1 and j.state = 'running' and j.boot_id = $2
     returning j.notify, j.kind, j.state, j.result, j.failure`,
    [job.id, job.bootId, end.state, jsonOrNull(end.result), jsonOrNull(end.failure), tx.manualNow()],
  );
  const row = rows[0];
  if (!row) return undefined;
  tx.send(`update cyrus.job_message set outcome = 'too_late' where job_id = $1 and outcome is null`, [job.id]);
  const { notify, ...ended } = row;
  const input: JobEnd = { jobId: job.id, ...ended };
  await tellEntity(tx, notify, 'job', { ...input });
  return input;
}

function jsonOrNull(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value);
}
