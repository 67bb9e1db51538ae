import type { Tx } from '../pool.ts';

/** Marks a locked session as one in which nothing can be said or read any more; what it has or will have to send is cancelled. */
export async function revokeSession(tx: Tx, sessionId: string): Promise<void> {
  await tx.query(`update cyrus.session set context = context || '{"revoked": true}' where id = $1`, [sessionId]);
  await tx.query(`update cyrus.outbound_write set state = 'cancelled' where session_id = $1 and state = 'queued'`, [sessionId]);
  await tx.query(
    `update cyrus.host_job set kill_requested_at = coalesce($2::timestamptz, clock_timestamp())
     where session_id = $1 and kind = 'issue' and state in ('queued', 'running')`,
    [sessionId, tx.manualNow()],
  );
}

/** Takes the mark away: somebody speaks to us there, so the app is back. */
export function reinstateSession(tx: Tx, sessionId: string): void {
  tx.send(`update cyrus.session set context = context - 'revoked' where id = $1`, [sessionId]);
}
