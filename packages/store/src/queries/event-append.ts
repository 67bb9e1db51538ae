import { type Queryable, toTimestamp } from '../pool.ts';

/** One stored thing that happened in an attempt. */
export interface AttemptEvent {
  /** Counts up within the attempt, from 1. */
  readonly seq: number;
  readonly at: number;
  readonly type: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

export interface AttemptPlace {
  readonly attemptId: string;
  readonly taskId: string | null;
  readonly planId: string | null;
  readonly sessionId: string | null;
}

/** Appends events of an attempt; those already there are left as they are. */
export async function appendAttemptEvents(tx: Queryable, place: AttemptPlace, events: readonly AttemptEvent[]): Promise<void> {
  if (events.length === 0) return;
  await tx.query(
    `insert into cyrus.event (type, session_id, plan_id, task_id, attempt_id, attempt_seq, payload, at)
     select e.type, $1, $2, $3, $4, e.seq, e.payload, e.at
       from unnest($5::text[], $6::int[], $7::jsonb[], $8::timestamptz[]) as e (type, seq, payload, at)
      order by e.seq
     on conflict (attempt_id, attempt_seq) do nothing`,
    [
      place.sessionId,
      place.planId,
      place.taskId,
      place.attemptId,
      events.map((event) => event.type),
      events.map((event) => event.seq),
      events.map((event) => JSON.stringify(event.payload)),
      events.map((event) => toTimestamp(event.at)),
    ],
  );
}
