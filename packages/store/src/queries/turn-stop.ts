import type { Tx } from '../pool.ts';

export interface StopRow {
  readonly planId: string;
  readonly sessionId: string | null;
  readonly requestedBy: string;
  /** Why, where nobody said stop. */
  readonly reason?: string;
}

/**
 * Asks for a plan's stop, once: from the commit on no job of it starts and no write of it leaves but a closing answer.
 * The hosts hear of it at commit.
 */
export function insertStopRequest(tx: Tx, stop: StopRow): void {
  tx.send(
    `with stop as (
       insert into cyrus.stop_request (plan_id, session_id, requested_by, reason, at)
       values ($1, $2, $3, $5, coalesce($4::timestamptz, clock_timestamp())) on conflict (plan_id) do nothing
     )
     select pg_notify('host', 'stop:' || $1)`,
    [stop.planId, stop.sessionId, stop.requestedBy, tx.manualNow(), stop.reason ?? null],
  );
}
