import type { Issue } from 'cyrus-core/domain/issue';
import type { Attempt, Plan, PlanMessage, Task } from 'cyrus-core/domain/plan';
import type { Tx } from '../pool.ts';
import { attemptColumns } from './attempt-row.ts';
import { issueJson, type ListenerRow, planListeners, planMessages, taskColumns } from './plan-load.ts';
import { findPlan } from './plan-row.ts';

export interface LoadedAttempt {
  readonly attempt: Attempt;
  readonly task: Task;
  readonly plan: Plan;
  readonly issue: Issue;
  readonly guidance: readonly string[];
  /** The newest earlier attempt of the task that left work behind. */
  readonly earlier: Attempt | null;
  readonly messages: readonly PlanMessage[];
  readonly listeners: readonly ListenerRow[];
  /** `ref`: the last run of it, where runs live elsewhere. */
  readonly conversation: { readonly id: string; readonly started: boolean; readonly ref: NonNullable<Attempt['runRef']> | null };
  readonly stopRequested: boolean;
}

/** Locks an attempt and reads what it decides on. Rows of its plan are read as committed, without a lock. */
export async function loadAttempt(tx: Tx, id: string): Promise<LoadedAttempt | null> {
  const { rows } = await tx.query<Attempt>(`select ${attemptColumns} from cyrus.attempt a where a.id = $1 for update`, [id]);
  const attempt = rows[0];
  if (!attempt) return null;
  const [plan, others, tasks, earlier, messages, listeners] = await Promise.all([
    findPlan(tx, attempt.planId),
    tx.query<{
      issue: Issue;
      guidance: unknown;
      started: boolean;
      ref: NonNullable<Attempt['runRef']> | null;
      stop: boolean;
    }>(
      `select ${issueJson} as issue,
         (select s.context -> 'guidance' from cyrus.session s where s.issue_id = p.issue_id order by s.created_at limit 1) as guidance,
         coalesce((select c.started from cyrus.conversation c where c.id = $2), false) as started,
         (select c.ref from cyrus.conversation c where c.id = $2) as ref,
         exists (select from cyrus.stop_request r where r.plan_id = p.id) as stop
       from cyrus.plan p join cyrus.issue i on i.id = p.issue_id where p.id = $1`,
      [attempt.planId, attempt.conversationId],
    ),
    tx.query<Task>(`select ${taskColumns} from cyrus.task t where t.id = $1`, [attempt.taskId]),
    tx.query<Attempt>(
      `select ${attemptColumns} from cyrus.attempt a where a.task_id = $1 and a.number < $2 and a.head_sha is not null order by a.number desc limit 1`,
      [attempt.taskId, attempt.number],
    ),
    planMessages(tx, attempt.planId),
    planListeners(tx, attempt.planId),
  ]);
  const other = others.rows[0];
  const task = tasks.rows[0];
  if (!plan || !other || !task) throw new Error(`attempt ${id} has lost its plan`);
  return {
    attempt,
    task,
    plan,
    issue: other.issue,
    guidance: Array.isArray(other.guidance) ? other.guidance.filter((text): text is string => typeof text === 'string') : [],
    earlier: earlier.rows[0] ?? null,
    messages,
    listeners,
    conversation: { id: attempt.conversationId ?? attempt.id, started: other.started, ref: other.ref },
    stopRequested: other.stop,
  };
}

/** Tools an attempt has used since `since`, oldest first. */
export async function recentTools(
  tx: Tx,
  attemptId: string,
  since: number | null,
): Promise<readonly { readonly tool: string; readonly input: unknown }[]> {
  const { rows } = await tx.query<{ tool: string; input: unknown }>(
    `select payload ->> 'tool' as tool, payload -> 'input' as input from cyrus.event
     where attempt_id = $1 and type = 'tool-use' and ($2::float8 is null or at > to_timestamp($2::float8 / 1000)) order by id desc limit 20`,
    [attemptId, since],
  );
  return [...rows].reverse();
}
