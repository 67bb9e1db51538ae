import type { Queryable } from '../pool.ts';

/** One stored event; `number` counts up without gaps in the order of commits. */
export interface StoredEvent {
  readonly number: number;
  readonly type: string;
  readonly sessionId: string | null;
  readonly planId: string | null;
  readonly attemptId: string | null;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly at: number;
}

/** Events of a plan, and of its issue's sessions, numbered above `after`, in order. */
export async function listPlanEvents(db: Queryable, planId: string, after: number, limit: number): Promise<readonly StoredEvent[]> {
  const { rows } = await db.query<StoredEvent>(
    `select e.number, e.type, e.session_id as "sessionId", e.plan_id as "planId", e.attempt_id as "attemptId", e.payload, e.at
     from cyrus.event e
     where e.number > $2 and (e.plan_id = $1 or (e.plan_id is null and e.session_id in (
       select s.id from cyrus.session s join cyrus.plan p on p.issue_id = s.issue_id where p.id = $1)))
     order by e.number limit $3`,
    [planId, after, limit],
  );
  return rows;
}
