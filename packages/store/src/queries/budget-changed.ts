import type { BudgetKey, BudgetScope } from 'cyrus-core/budget';
import type { MicroUsd } from 'cyrus-core/money';
import type { Tx } from '../pool.ts';

/** A budget that something was charged to since it was last looked at. */
export interface ChangedBudget extends BudgetKey {
  readonly spent: MicroUsd;
  readonly told: number;
  /** What people have added. */
  readonly raised: MicroUsd;
  /** The repository whose limits hold; empty: those of the whole configuration. */
  readonly repositoryId: string;
  /** The executor whose credit it is; empty: none's. */
  readonly executorId: string;
  /** Where it is about one piece of work: the issue, as people call it. */
  readonly identifier: string | null;
}

const most = 200;

/** Takes budgets whose spending has changed, and locks them: another process takes others. */
export async function takeChangedBudgets(tx: Tx): Promise<readonly ChangedBudget[]> {
  const { rows } = await tx.query<ChangedBudget>(
    `with taken as materialized (
       select b.scope, b.key, b.spent, b.told from cyrus.budget b where b.changed
       order by array_position(array['month', 'day', 'repository', 'issue', 'task', 'attempt', 'credit'], b.scope), b.key
       limit ${most} for update skip locked),
     placed as (
       select t.*, a.task_id as attempt_task, coalesce(pt.repository_id, pa.repository_id, pi.repository_id) as work_repository,
         coalesce(it.identifier, ia.identifier, ii.identifier) as identifier
       from taken t
       left join cyrus.task k on t.scope = 'task' and k.id = t.key left join cyrus.plan pt on pt.id = k.plan_id left join cyrus.issue it on it.id = pt.issue_id
       left join cyrus.attempt a on t.scope = 'attempt' and a.id = t.key left join cyrus.plan pa on pa.id = a.plan_id left join cyrus.issue ia on ia.id = pa.issue_id
       left join cyrus.issue ii on t.scope = 'issue' and ii.id = t.key
       left join lateral (select p.repository_id from cyrus.plan p where p.issue_id = ii.id order by p.number desc limit 1) pi on true)
     select p.scope, p.key, p.spent, p.told, p.identifier,
       coalesce(p.work_repository, case when p.scope = 'repository' then substr(p.key, 9) else '' end) as "repositoryId",
       case when p.scope = 'credit' then substr(p.key, 9) else '' end as "executorId",
       coalesce((select sum(r.amount) from cyrus.budget_raise r where r.scope = p.scope and r.key = coalesce(p.attempt_task, p.key)), 0) as raised
     from placed p`,
  );
  return rows;
}

/** Notes what was told of a budget; it is looked at again once something more is charged to it. */
export async function markBudgetTold(tx: Tx, { scope, key }: BudgetKey, told: number): Promise<void> {
  await tx.query('update cyrus.budget set told = $3, changed = false where scope = $1 and key = $2', [scope, key, told]);
}

/** Sessions with an open turn whose work counts for a budget. */
export async function sessionsOfBudget(
  tx: Tx,
  {
    scope,
    key,
    repositoryId,
    executorId,
  }: { readonly scope: BudgetScope; readonly key: string; readonly repositoryId: string; readonly executorId: string },
): Promise<
  readonly {
    readonly sessionId: string;
    readonly source: string;
    readonly workspace: string;
    readonly turnId: string;
    readonly planId: string;
  }[]
> {
  const { rows } = await tx.query<{ sessionId: string; source: string; workspace: string; turnId: string; planId: string }>(
    `select s.id as "sessionId", s.source, s.workspace, t.id as "turnId", p.id as "planId"
     from cyrus.plan p join cyrus.session s on s.plan_id = p.id join cyrus.turn t on t.session_id = s.id and t.state = 'open'
     where p.state not in ('done', 'failed', 'stopped') and case $1
       when 'repository' then p.repository_id = $3
       when 'issue' then p.issue_id = $2
       when 'task' then exists (select from cyrus.task k where k.plan_id = p.id and k.id = $2)
       when 'attempt' then exists (select from cyrus.attempt a where a.plan_id = p.id and a.id = $2)
       when 'credit' then exists (select from cyrus.attempt a where a.plan_id = p.id and a.executor_id = $4 and a.ended_at is null)
       else true end`,
    [scope, key, repositoryId, executorId],
  );
  return rows;
}
