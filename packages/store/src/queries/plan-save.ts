import type { FailureChain, PlanMessage, PullRequestRef, RuledOut, Verdict } from 'cyrus-core/domain/plan';
import type { Answer } from 'cyrus-core/domain/session';
import type { Failure } from 'cyrus-core/failure';
import type { PlanState, TaskState } from 'cyrus-core/states';
import { type Tx, toTimestamp } from '../pool.ts';

const json = (value: unknown): string | null => (value === null || value === undefined ? null : JSON.stringify(value));

export interface PlanRowPatch {
  readonly state: PlanState;
  readonly headSha: string | null;
  readonly startSha: string | null;
  readonly pushedSha: string | null;
  readonly baseBranch: string | null;
  readonly pullRequest: PullRequestRef | null;
  readonly failure: Failure | null;
  readonly answer: Answer | null;
  readonly parkedReason: string | null;
  readonly parkedFrom: string | null;
  readonly parkedUntil: number | null;
}

export async function savePlan(tx: Tx, id: string, plan: PlanRowPatch): Promise<void> {
  tx.send(
    `update cyrus.plan set state = $2, head_sha = $3, start_sha = $4, pushed_sha = $5, base_branch = $6, pull_request = $7,
       failure = coalesce($8::jsonb, failure), answer = coalesce($9::jsonb, answer),
       parked_reason = $11, parked_from = $12, parked_until = $13,
       ended_at = case when $2 in ('done', 'failed', 'stopped') then coalesce(ended_at, $10::timestamptz, clock_timestamp()) end
     where id = $1`,
    [
      id,
      plan.state,
      plan.headSha,
      plan.startSha,
      plan.pushedSha,
      plan.baseBranch,
      json(plan.pullRequest),
      json(plan.failure),
      json(plan.answer),
      tx.manualNow(),
      plan.parkedReason,
      plan.parkedFrom,
      plan.parkedUntil === null ? null : toTimestamp(plan.parkedUntil),
    ],
  );
}

export interface TaskRow {
  readonly id: string;
  readonly isNew: boolean;
  readonly prompt: string;
  readonly state: TaskState;
  readonly attempts: number;
  readonly notBefore: number | null;
  readonly learned: string | null;
  readonly headSha: string | null;
  readonly checks: Verdict | null;
  readonly output: string | null;
  readonly failure: Failure | null;
  readonly ruledOut: readonly RuledOut[];
  readonly chain: FailureChain | null;
}

/** @param analysis what the work is taken for; null: as before */
export async function saveTask(tx: Tx, planId: string, procedure: string, task: TaskRow, analysis: unknown): Promise<void> {
  if (task.isNew)
    tx.send(
      `insert into cyrus.task (id, plan_id, key, procedure, prompt, created_at) values ($1, $2, 'main', $3, $4, coalesce($5::timestamptz, clock_timestamp()))`,
      [task.id, planId, procedure, task.prompt, tx.manualNow()],
    );
  tx.send(
    `update cyrus.task set state = $2, attempts = $3, not_before = $4, learned = $5, head_sha = $6, checks = $7, output = $8,
       ruled_out = $11, chain = $12,
       failure = coalesce($9::jsonb, failure), analysis = coalesce($13::jsonb, analysis),
       ended_at = case when $2 in ('done', 'failed', 'stopped') then coalesce(ended_at, $10::timestamptz, clock_timestamp()) end
     where id = $1`,
    [
      task.id,
      task.state,
      task.attempts,
      task.notBefore === null ? null : toTimestamp(task.notBefore),
      task.learned,
      task.headSha,
      json(task.checks),
      task.output,
      json(task.failure),
      tx.manualNow(),
      JSON.stringify(task.ruledOut),
      json(task.chain),
      json(analysis),
    ],
  );
}

export async function savePlanMessages(tx: Tx, planId: string, added: readonly PlanMessage[], deliveredThrough: number): Promise<void> {
  if (added.length > 0)
    tx.send(
      `insert into cyrus.plan_message (plan_id, n, session_id, seq, author_name, body, at, command)
       select $1, n, "sessionId", seq, "authorName", body, to_timestamp(at / 1000), command
       from jsonb_to_recordset($2::jsonb)
         as m(n int, "sessionId" text, seq int, "authorName" text, body text, at float8, command boolean)`,
      [planId, JSON.stringify(added)],
    );
  tx.send('update cyrus.plan_message set delivered = true where plan_id = $1 and n <= $2 and not delivered', [planId, deliveredThrough]);
}
