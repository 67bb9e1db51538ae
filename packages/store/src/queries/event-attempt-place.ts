import type { Queryable } from '../pool.ts';
import type { AttemptPlace } from './event-append.ts';

/** Where an attempt's events belong; undefined when this database does not know the attempt. */
export async function findAttemptPlace(tx: Queryable, attemptId: string): Promise<AttemptPlace | undefined> {
  const { rows } = await tx.query<AttemptPlace>(
    `select a.id as "attemptId", a.task_id as "taskId", a.plan_id as "planId",
            (select j.session_id from cyrus.host_job j where j.attempt_id = a.id and j.kind = 'agent' limit 1) as "sessionId"
       from cyrus.attempt a where a.id = $1`,
    [attemptId],
  );
  return rows[0];
}
