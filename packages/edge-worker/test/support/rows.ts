import type { JobKind } from 'cyrus-core/domain/effects';
import type { Queryable } from 'cyrus-store/pool';

/** One issue with a plan `plan`, its task `task` and its attempt `attempt`: what jobs, events and charges hang on. */
export async function insertPlan(db: Queryable, plan = 'plan', repositoryId = 'repository'): Promise<void> {
  await db.query(`insert into cyrus.issue (id, workspace, identifier, title) values ($1, 'w', $1, 'An issue')`, [`issue-${plan}`]);
  await db.query(
    `insert into cyrus.plan (id, issue_id, number, procedure, repository_id, branch) values ($1, $2, 1, 'builder', $3, 'cyrus/x')`,
    [plan, `issue-${plan}`, repositoryId],
  );
  await db.query(`insert into cyrus.task (id, plan_id, key, procedure, prompt) values ($1, $2, 'main', 'builder', 'do it')`, [
    taskOf(plan),
    plan,
  ]);
  await insertAttempt(db, plan, 1);
}

export const taskOf = (plan: string): string => `${plan}-task`;
export const attemptOf = (plan: string, number = 1): string => `${plan}-attempt-${number}`;

async function insertAttempt(db: Queryable, plan: string, number: number): Promise<void> {
  await db.query(`insert into cyrus.attempt (id, task_id, plan_id, number, executor_id) values ($1, $2, $3, $4, 'scripted')`, [
    attemptOf(plan, number),
    taskOf(plan),
    plan,
    number,
  ]);
}

export async function insertJob(
  db: Queryable,
  job: { id: string; kind: JobKind; payload?: object; plan?: string; attempt?: string; notBefore?: string },
): Promise<void> {
  const plan = job.plan ?? 'plan';
  await db.query(
    `insert into cyrus.host_job (id, kind, notify, plan_id, task_id, attempt_id, payload, not_before) values ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [
      job.id,
      job.kind,
      `attempt:${job.attempt ?? attemptOf(plan)}`,
      plan,
      taskOf(plan),
      job.attempt ?? attemptOf(plan),
      JSON.stringify(job.payload ?? {}),
      job.notBefore ?? null,
    ],
  );
}

/** A stop as a webhook leaves it: only the row, so that the poll has to find it. */
export async function requestStop(db: Queryable, plan = 'plan'): Promise<void> {
  await db.query(`insert into cyrus.stop_request (plan_id, requested_by) values ($1, 'test') on conflict do nothing`, [plan]);
}

export interface JobSeen {
  readonly state: string;
  readonly result: Record<string, unknown> | null;
  readonly failure: { class: string; message: string } | null;
}

export async function jobOf(db: Queryable, id: string): Promise<JobSeen> {
  const { rows } = await db.query<JobSeen>('select state, result, failure from cyrus.host_job where id = $1', [id]);
  if (!rows[0]) throw new Error(`no job ${id}`);
  return rows[0];
}

export interface InputSeen {
  readonly entity: string;
  readonly kind: string;
  readonly payload: Record<string, unknown>;
}

export async function inputsOf(db: Queryable, kind?: string): Promise<readonly InputSeen[]> {
  const { rows } = await db.query<InputSeen>(
    'select entity, kind, payload from cyrus.input where $1::text is null or kind = $1 order by seq',
    [kind ?? null],
  );
  return rows;
}
