import type { Billing } from 'cyrus-core/budget';
import type { Tx } from '../pool.ts';

export interface NewAttempt {
  readonly id: string;
  readonly taskId: string;
  readonly planId: string;
  readonly issueId: string;
  readonly repositoryId: string;
  readonly number: number;
  readonly executorId: string;
  readonly conversationId: string;
  readonly reason: string;
  readonly strategy: string;
  readonly estimate: unknown;
  readonly analysis: unknown;
  readonly alternatives: unknown;
  readonly slots: number;
  readonly memoryMb: number;
  /** Micro-dollars reserved. */
  readonly cost: number;
  readonly billing: Billing;
  /** What is charged at the end where nobody reports a cost; null: nothing. */
  readonly costPerRun: number | null;
}

/** Stores an attempt with its reservation and the decision behind it, in one transaction. The same number twice is refused by the database. */
export async function insertAttempt(tx: Tx, attempt: NewAttempt): Promise<void> {
  const { rows } = await tx.query<{ id: string }>(
    `insert into cyrus.conversation (id, issue_id, repository_id, executor_id) values ($1, $2, $3, $4)
     on conflict (issue_id, repository_id, executor_id) do update set executor_id = excluded.executor_id returning id`,
    [attempt.conversationId, attempt.issueId, attempt.repositoryId, attempt.executorId],
  );
  await tx.query(
    `insert into cyrus.attempt (id, task_id, plan_id, number, executor_id, conversation_id, created_at)
     values ($1, $2, $3, $4, $5, $6, coalesce($7::timestamptz, clock_timestamp()))`,
    [attempt.id, attempt.taskId, attempt.planId, attempt.number, attempt.executorId, rows[0]?.id ?? attempt.conversationId, tx.manualNow()],
  );
  await tx.query(
    'insert into cyrus.reservation (attempt_id, executor_id, slots, memory_mb, cost, billing, estimate) values ($1, $2, $3, $4, $5, $6, $7)',
    [attempt.id, attempt.executorId, attempt.slots, attempt.memoryMb, attempt.cost, attempt.billing, attempt.costPerRun],
  );
  await tx.query(
    `insert into cyrus.decision (task_id, number, executor_id, reason, strategy, estimate, analysis, alternatives, at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, coalesce($9::timestamptz, clock_timestamp()))`,
    [
      attempt.taskId,
      attempt.number,
      attempt.executorId,
      attempt.reason,
      attempt.strategy,
      JSON.stringify(attempt.estimate),
      JSON.stringify(attempt.analysis),
      JSON.stringify(attempt.alternatives),
      tx.manualNow(),
    ],
  );
}
