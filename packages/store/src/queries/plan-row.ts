import type { Plan } from 'cyrus-core/domain/plan';
import type { Queryable } from '../pool.ts';

/** The columns of `Plan`, of a table aliased `p`. */
export const planColumns: string = `p.id, p.issue_id as "issueId", p.number, p.state, p.procedure, p.repository_id as "repositoryId",
  p.base_branch as "baseBranch", p.branch, p.start_sha as "startSha", p.head_sha as "headSha", p.pushed_sha as "pushedSha",
  p.pull_request as "pullRequest", p.follows, p.route_reason as "routeReason", p.options, p.parked_reason as "parkedReason",
  p.parked_from as "parkedFrom", p.parked_until as "parkedUntil", p.created_at as "createdAt"`;

export async function findPlan(tx: Queryable, id: string): Promise<Plan | null> {
  const { rows } = await tx.query<Plan>(`select ${planColumns} from cyrus.plan p where p.id = $1`, [id]);
  return rows[0] ?? null;
}

export interface PlansOfIssue {
  readonly live: Plan | null;
  /** Its stop was asked for, and it is on its way to its end. */
  readonly liveIsStopping: boolean;
  /** The last ended one. */
  readonly last: Plan | null;
  /** What the last one's agent left is still being saved, where it did not come to its end by itself; or it has yet to hear of its pull request. */
  readonly lastIsSaving: boolean;
}

export async function plansOfIssue(tx: Queryable, issueId: string): Promise<PlansOfIssue> {
  const { rows } = await tx.query<Plan & { saving: boolean; stopping: boolean }>(
    `select ${planColumns}, (p.state in ('failed', 'stopped') and
       exists (select from cyrus.host_job j where j.plan_id = p.id and j.kind = 'cleanup' and j.state in ('queued', 'running')))
       or (p.state in ('done', 'failed', 'stopped') and exists (select from cyrus.input i where i.entity = 'plan:' || p.id
         and i.read_at is null and (p.state <> 'done' or i.kind = 'pull_request'))) as saving,
       exists (select from cyrus.stop_request r where r.plan_id = p.id) as stopping
     from cyrus.plan p where p.issue_id = $1 order by p.number desc limit 2`,
    [issueId],
  );
  const ended = ['done', 'failed', 'stopped'];
  const plans = rows.map(({ saving: _saving, stopping: _stopping, ...plan }) => plan);
  const lastAt = rows.findIndex((plan) => ended.includes(plan.state));
  const liveAt = rows.findIndex((plan) => !ended.includes(plan.state));
  return {
    live: plans[liveAt] ?? null,
    liveIsStopping: rows[liveAt]?.stopping ?? false,
    last: plans[lastAt] ?? null,
    lastIsSaving: rows[lastAt]?.saving ?? false,
  };
}
