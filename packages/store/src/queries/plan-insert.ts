import type { Plan } from 'cyrus-core/domain/plan';
import type { Tx } from '../pool.ts';

/** Stores a new plan. The database refuses a second live one of the same issue. */
export async function insertPlan(
  tx: Tx,
  plan: Omit<Plan, 'createdAt' | 'state' | 'headSha' | 'parkedReason' | 'parkedFrom' | 'parkedUntil'> & { readonly contentHash: string },
): Promise<void> {
  tx.send(
    `insert into cyrus.plan (id, issue_id, number, procedure, repository_id, base_branch, branch, start_sha, head_sha, pushed_sha, pull_request,
       follows, content_hash, route_reason, options, created_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10, $11, $12, $13, $14, coalesce($15::timestamptz, clock_timestamp()))`,
    [
      plan.id,
      plan.issueId,
      plan.number,
      plan.procedure,
      plan.repositoryId,
      plan.baseBranch,
      plan.branch,
      plan.startSha,
      plan.pushedSha,
      plan.pullRequest ? JSON.stringify(plan.pullRequest) : null,
      plan.follows,
      plan.contentHash,
      plan.routeReason,
      JSON.stringify(plan.options),
      tx.manualNow(),
    ],
  );
}
