import type { Plan } from 'cyrus-core/domain/plan';
import type { Queryable } from '../pool.ts';

/** The columns of `Plan`, of a table aliased `p`. */
export const planColumns: string = `p.id, p.issue_id as "issueId", p.number, p.state, p.procedure, p.repository_id as "repositoryId",
  p.base_branch as "baseBranch", p.branch, p.start_sha as "startSha", p.head_sha as "headSha", p.pushed_sha as "pushedSha",
  p.pull_request as "pullRequest", p.follows, p.route_reason as "routeReason", p.options, p.created_at as "createdAt"`;

export async function findPlan(tx: Queryable, id: string): Promise<Plan | null> {
  const { rows } = await tx.query<Plan>(`select ${planColumns} from cyrus.plan p where p.id = $1`, [id]);
  return rows[0] ?? null;
}

/** The issue's live plan and its last ended one. */
export async function plansOfIssue(tx: Queryable, issueId: string): Promise<{ readonly live: Plan | null; readonly last: Plan | null }> {
  const { rows } = await tx.query<Plan>(`select ${planColumns} from cyrus.plan p where p.issue_id = $1 order by p.number desc limit 2`, [
    issueId,
  ]);
  const ended = ['done', 'failed', 'stopped'];
  return { live: rows.find((plan) => !ended.includes(plan.state)) ?? null, last: rows.find((plan) => ended.includes(plan.state)) ?? null };
}
