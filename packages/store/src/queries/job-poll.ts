import type { Queryable } from '../pool.ts';

/** What waits for a host: one cheap look, so that an idle host opens no transaction. */
export interface JobPoll {
  /** At least one job may be claimed now. */
  readonly claimable: boolean;
  /** At least one queued job was asked to end, or belongs to a plan that was asked to stop. */
  readonly stoppedQueued: boolean;
  /** Jobs that this boot has running. */
  readonly running: readonly string[];
  /** Those of them that were asked to end, or whose plan was asked to stop. */
  readonly stoppedRunning: readonly string[];
  /** Messages for running agents of this boot that have no outcome yet, in order. */
  readonly messages: readonly { readonly jobId: string; readonly n: number; readonly body: string }[];
}

export async function pollJobs(tx: Queryable, host: { readonly id: string; readonly bootId: string }): Promise<JobPoll> {
  const { rows } = await tx.query<JobPoll>(
    `with open as materialized (
       select j.id, j.kind, j.state, j.boot_id, j.not_before,
              j.kill_requested_at is not null
                or j.kind <> 'cleanup' and exists (select from cyrus.stop_request s where s.plan_id = j.plan_id) as stopped
         from cyrus.host_job j
        where j.state in ('queued', 'running') and (j.host_id is null or j.host_id = $1))
     select
       exists (select from open where state = 'queued' and not stopped
                and (not_before is null or not_before <= coalesce($3::timestamptz, clock_timestamp()))) as claimable,
       exists (select from open where state = 'queued' and stopped) as "stoppedQueued",
       coalesce((select json_agg(id) from open where state = 'running' and boot_id = $2), '[]') as running,
       coalesce((select json_agg(id) from open where state = 'running' and boot_id = $2 and stopped), '[]') as "stoppedRunning",
       coalesce((select json_agg(json_build_object('jobId', m.job_id, 'n', m.n, 'body', m.body) order by m.job_id, m.n)
                   from open join cyrus.job_message m on m.job_id = open.id
                  where open.state = 'running' and open.boot_id = $2 and open.kind = 'agent' and m.outcome is null), '[]') as messages`,
    [host.id, host.bootId, tx.manualNow()],
  );
  return rows[0] ?? { claimable: false, stoppedQueued: false, running: [], stoppedRunning: [], messages: [] };
}
