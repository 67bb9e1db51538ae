import type { JobKind } from 'cyrus-core/domain/effects';
import type { Queryable } from '../pool.ts';
import { type HostJob, hostJobColumns } from './job-row.ts';

/**
 * Takes queued jobs for this boot, oldest first, at most `free[kind]` of a kind; none of a plan that was asked to stop,
 * but its cleanup. Nothing is taken once another boot has registered the host.
 */
export async function claimJobs(
  tx: Queryable,
  host: { readonly id: string; readonly bootId: string },
  free: Readonly<Partial<Record<JobKind, number>>>,
): Promise<readonly HostJob[]> {
  const wanted = Object.entries(free).filter(([, count]) => count > 0);
  if (wanted.length === 0) return [];
  const { rows } = await tx.query<HostJob>(
    `with picked as materialized (
       select job.id
         from unnest($3::text[], $4::int[]) as free (kind, count),
              lateral (
                select q.id from cyrus.host_job q
                 where q.state = 'queued' and q.kind = free.kind and (q.host_id is null or q.host_id = $1)
                   and (q.not_before is null or q.not_before <= coalesce($5::timestamptz, clock_timestamp()))
                   and q.kill_requested_at is null
                   and (q.kind = 'cleanup' or not exists (select from cyrus.stop_request s where s.plan_id = q.plan_id))
                 order by q.created_at, q.id
                 limit free.count
                 for update of q skip locked) as job
        where exists (select from cyrus.host h where h.id = $1 and h.boot_id = $2))
     update cyrus.host_job j
        set state = 'running', host_id = $1, boot_id = $2, started_at = coalesce($5::timestamptz, clock_timestamp())
       from picked where j.id = picked.id
     returning ${hostJobColumns}`,
    [host.id, host.bootId, wanted.map(([kind]) => kind), wanted.map(([, count]) => Math.min(count, 1000)), tx.manualNow()],
  );
  return rows;
}
