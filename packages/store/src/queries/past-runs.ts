import type { Queryable } from '../pool.ts';

interface Spread {
  readonly p50: number;
  readonly p90: number;
}

/** Ended attempts of one repository on one executor with work of one size. */
export interface PastRunsRow {
  readonly repositoryId: string;
  readonly executorId: string;
  readonly complexity: 'low' | 'medium' | 'high';
  readonly runs: number;
  readonly succeeded: number;
  /** Micro-dollars; null: none was priced. */
  readonly cost: Spread | null;
  readonly durationMs: Spread;
}

/** How the newest thousand ended attempts went: what estimates are made of. Stopped and lost ones say nothing. */
export async function pastRuns(db: Queryable): Promise<readonly PastRunsRow[]> {
  const { rows } = await db.query<PastRunsRow & { cost50: number | null; cost90: number | null; took50: number; took90: number }>(
    `with recent as (
       select a.executor_id, a.plan_id, a.task_id, a.state, extract(epoch from a.ended_at - coalesce(a.started_at, a.created_at)) * 1000 as took,
         (select sum(c.cost) from cyrus.charge c where c.attempt_id = a.id) as cost
       from cyrus.attempt a where a.ended_at is not null and a.state in ('succeeded', 'failed') order by a.ended_at desc limit 1000)
     select p.repository_id as "repositoryId", r.executor_id as "executorId", coalesce(t.analysis ->> 'complexity', 'medium') as complexity,
       count(*) as runs, count(*) filter (where r.state = 'succeeded') as succeeded,
       percentile_cont(0.5) within group (order by r.cost) as cost50, percentile_cont(0.9) within group (order by r.cost) as cost90,
       percentile_cont(0.5) within group (order by r.took) as took50, percentile_cont(0.9) within group (order by r.took) as took90
     from recent r join cyrus.plan p on p.id = r.plan_id join cyrus.task t on t.id = r.task_id group by 1, 2, 3`,
  );
  return rows.map(({ cost50, cost90, took50, took90, ...row }) => ({
    ...row,
    cost: cost50 === null || cost90 === null ? null : { p50: Math.round(cost50), p90: Math.round(cost90) },
    durationMs: { p50: Math.round(took50), p90: Math.round(took90) },
  }));
}
