import type { Issue } from 'cyrus-core/domain/issue';
import type { Attempt, Plan, PlanMessage, Task } from 'cyrus-core/domain/plan';
import type { Tx } from '../pool.ts';
import { attemptColumns } from './attempt-row.ts';
import { planColumns } from './plan-row.ts';

/** A session of a plan whose turn is open. */
export interface ListenerRow {
  readonly sessionId: string;
  readonly source: string;
  readonly workspace: string;
  readonly turnId: string;
}

export interface LoadedPlan {
  readonly plan: Plan;
  readonly issue: Issue;
  readonly task: Task | null;
  readonly attempts: readonly Attempt[];
  readonly messages: readonly PlanMessage[];
  readonly listeners: readonly ListenerRow[];
  readonly cost: number;
  readonly unpriced: boolean;
  /** List price of what a subscription or a credit pays for. */
  readonly covered: number;
  /** Some of the cost is what was assumed of a run. */
  readonly estimated: boolean;
  readonly stopRequested: boolean;
  /** Who asked for the stop. */
  readonly stopRequestedBy: string | null;
  /** Why, where nobody said stop: whole sentences. */
  readonly stopReason: string | null;
  /** The question that waits for an answer. */
  readonly question: {
    readonly id: string;
    readonly kind: 'agent' | 'policy';
    readonly topic: string | null;
    readonly body: string;
    readonly options: readonly string[] | null;
  } | null;
}

export const issueJson: string = `json_build_object('id', i.id, 'workspace', i.workspace, 'identifier', i.identifier, 'title', i.title,
  'description', i.description, 'url', i.url, 'details', i.details)`;

export const taskColumns: string = `t.id, t.plan_id as "planId", t.key, t.procedure, t.prompt, t.state, t.attempts, t.not_before as "notBefore",
  t.learned, t.head_sha as "headSha", t.checks, t.output, t.ruled_out as "ruledOut", t.chain`;

/** Locks a plan and reads what it decides on. */
export async function loadPlan(tx: Tx, id: string): Promise<LoadedPlan | null> {
  const { rows } = await tx.query<
    Plan & {
      issue: Issue;
      cost: number | null;
      unpriced: number | null;
      covered: number | null;
      estimated: boolean | null;
      stopRequestedBy: string | null;
      stopReason: string | null;
      question: LoadedPlan['question'];
    }
  >(
    `select ${planColumns}, ${issueJson} as issue,
       money.cost, money.unpriced, money.covered, money.estimated,
       (select json_build_object('id', q.id, 'kind', q.kind, 'topic', q.topic, 'body', q.body, 'options', q.options) from cyrus.question q
         where q.plan_id = p.id and q.state = 'open' limit 1) as question,
       (select s.requested_by from cyrus.stop_request s where s.plan_id = p.id) as "stopRequestedBy",
       (select s.reason from cyrus.stop_request s where s.plan_id = p.id) as "stopReason"
     from cyrus.plan p join cyrus.issue i on i.id = p.issue_id
     left join lateral (
       select sum(c.cost) as cost, count(*) filter (where c.price is null and not c.superseded) as unpriced,
         sum(c.price) filter (where c.billing <> 'list' and not c.superseded) as covered,
         bool_or(c.trust = 'estimated' and not c.superseded) as estimated
       from cyrus.charge c join cyrus.attempt a on a.id = c.attempt_id where a.plan_id = p.id) money on true
     where p.id = $1 for update of p`,
    [id],
  );
  const row = rows[0];
  if (!row) return null;
  const { issue, cost, unpriced, covered, estimated, stopRequestedBy, stopReason, question, ...plan } = row;
  const [tasks, attempts, messages, listeners] = await Promise.all([
    tx.query<Task>(`select ${taskColumns} from cyrus.task t where t.plan_id = $1 order by t.created_at limit 1`, [id]),
    tx.query<Attempt>(`select ${attemptColumns} from cyrus.attempt a where a.plan_id = $1 order by a.number`, [id]),
    planMessages(tx, id),
    planListeners(tx, id),
  ]);
  return {
    plan,
    issue,
    task: tasks.rows[0] ?? null,
    attempts: attempts.rows,
    messages,
    listeners,
    cost: cost ?? 0,
    unpriced: (unpriced ?? 0) > 0,
    covered: covered ?? 0,
    estimated: estimated ?? false,
    stopRequested: stopRequestedBy !== null,
    stopRequestedBy,
    stopReason,
    question,
  };
}

export async function planMessages(tx: Tx, planId: string): Promise<readonly PlanMessage[]> {
  const { rows } = await tx.query<PlanMessage>(
    `select n, session_id as "sessionId", seq, author_name as "authorName", body, delivered, at, command from cyrus.plan_message where plan_id = $1 order by n`,
    [planId],
  );
  return rows;
}

/** Who hears of a plan: every session that believes it live and has an open turn. */
export async function planListeners(tx: Tx, planId: string): Promise<readonly ListenerRow[]> {
  const { rows } = await tx.query<ListenerRow>(
    `select s.id as "sessionId", s.source, s.workspace, t.id as "turnId" from cyrus.session s
     join cyrus.turn t on t.session_id = s.id and t.state = 'open' where s.plan_id = $1 order by s.created_at, s.id`,
    [planId],
  );
  return rows;
}
