import type { PullRequestRef } from 'cyrus-core/domain/plan';
import type { Failure } from 'cyrus-core/failure';
import type { PlanState, TaskState } from 'cyrus-core/states';
import type { Queryable } from '../pool.ts';

/** One task, as a person looks at it. */
export interface TaskSummary {
  readonly taskId: string;
  readonly planId: string;
  readonly identifier: string;
  readonly title: string;
  readonly planState: PlanState;
  readonly state: TaskState;
  readonly procedure: string;
  readonly repositoryId: string;
  readonly branch: string;
  readonly pullRequest: PullRequestRef | null;
  /** The work is on its branch at the remote. */
  readonly pushed: boolean;
  readonly executorId: string | null;
  /** Where a person can follow the newest run, if it is elsewhere. */
  readonly runUrl: string | null;
  readonly attempts: number;
  /** Micro-dollars; null: nothing priced. */
  readonly cost: number | null;
  /** Some use had no price: `cost` is less than it was. */
  readonly unpriced: boolean;
  /** List price of what a subscription or a credit pays for. */
  readonly covered: number;
  /** Some of `cost` is what was assumed of a run. */
  readonly estimated: boolean;
  readonly failure: Failure | null;
  readonly waiting: string | null;
  readonly parkedReason: 'paused' | 'blocked' | null;
  /** What the agent asked, and nobody has answered. */
  readonly question: string | null;
  readonly createdAt: number;
  readonly endedAt: number | null;
}

const columns = `t.id as "taskId", p.id as "planId", i.identifier, i.title, p.state as "planState", t.state, t.procedure,
  p.repository_id as "repositoryId", p.branch, p.pull_request as "pullRequest", coalesce(p.pushed_sha = p.head_sha, false) as pushed,
  (select a.executor_id from cyrus.attempt a where a.task_id = t.id order by a.number desc limit 1) as "executorId",
  (select a.run_ref ->> 'url' from cyrus.attempt a where a.task_id = t.id order by a.number desc limit 1) as "runUrl", t.attempts,
  money.cost, coalesce(money.unpriced, 0) > 0 as unpriced, coalesce(money.covered, 0) as covered, coalesce(money.estimated, false) as estimated,
  p.failure,
  case when t.state = 'ready' then (select e.payload ->> 'reason' from cyrus.event e where e.plan_id = p.id and e.type = 'task.waiting' order by e.id desc limit 1)
    when t.state = 'assigned' then (select e.payload ->> 'reason' from cyrus.event e join cyrus.host_job j on j.attempt_id = e.attempt_id
      where e.plan_id = p.id and e.type = 'checkout.waiting' and j.kind = 'prepare' and j.state = 'running' order by e.id desc limit 1) end as waiting,
  p.parked_reason as "parkedReason", (select q.body from cyrus.question q where q.plan_id = p.id and q.state = 'open' limit 1) as question,
  p.created_at as "createdAt", p.ended_at as "endedAt"`;

/** What the charges of a task sum up to. */
const money = `left join lateral (
    select sum(c.cost) as cost, count(*) filter (where c.price is null and not c.superseded) as unpriced,
      sum(c.price) filter (where c.billing <> 'list' and not c.superseded) as covered,
      bool_or(c.trust = 'estimated' and not c.superseded) as estimated
    from cyrus.charge c join cyrus.attempt a on a.id = c.attempt_id where a.task_id = t.id) money on true`;

/** Tasks, newest first; live ones before ended ones. */
export async function listTasks(
  db: Queryable,
  options: { readonly limit: number; readonly liveOnly: boolean },
): Promise<readonly TaskSummary[]> {
  const { rows } = await db.query<TaskSummary>(
    `select ${columns} from cyrus.task t join cyrus.plan p on p.id = t.plan_id join cyrus.issue i on i.id = p.issue_id ${money}
     where not $2 or p.ended_at is null order by (p.ended_at is null) desc, p.created_at desc limit $1`,
    [options.limit, options.liveOnly],
  );
  return rows;
}

/** The newest tasks that `name` may mean: an issue's identifier, or the beginning of a task's or plan's id. */
export async function findTasks(db: Queryable, name: string): Promise<readonly TaskSummary[]> {
  const { rows } = await db.query<TaskSummary>(
    `select ${columns} from cyrus.task t join cyrus.plan p on p.id = t.plan_id join cyrus.issue i on i.id = p.issue_id ${money}
     where lower(i.identifier) = lower($1) or (length($1) >= 4 and (starts_with(t.id, $1) or starts_with(p.id, $1)))
     order by p.created_at desc limit 10`,
    [name],
  );
  return rows;
}
