import type { Queryable } from 'cyrus-store/pool';

/** An issue with a plan, a task and a running attempt that holds nothing yet. */
export async function runningAttempt(db: Queryable, id: string): Promise<{ attemptId: string; taskId: string; planId: string }> {
  const [attemptId, taskId, planId] = [`attempt-${id}`, `task-${id}`, `plan-${id}`];
  await db.query(`insert into cyrus.issue (id, workspace, identifier, title) values ($1, 'w', $1, 'An issue')`, [`issue-${id}`]);
  await db.query(
    `insert into cyrus.plan (id, issue_id, number, procedure, repository_id, branch, state) values ($1, $2, 1, 'builder', 'app', 'cyrus/x', 'running')`,
    [planId, `issue-${id}`],
  );
  await db.query(
    `insert into cyrus.task (id, plan_id, key, procedure, prompt, state) values ($1, $2, 'main', 'builder', 'do it', 'running')`,
    [taskId, planId],
  );
  await db.query(
    `insert into cyrus.attempt (id, task_id, plan_id, number, executor_id, state, started_at) values ($1, $2, $3, 1, 'claude', 'running', clock_timestamp())`,
    [attemptId, taskId, planId],
  );
  await db.query(`insert into cyrus.reservation (attempt_id, executor_id, slots, memory_mb, cost) values ($1, 'claude', 1, 400, 0)`, [
    attemptId,
  ]);
  return { attemptId, taskId, planId };
}
