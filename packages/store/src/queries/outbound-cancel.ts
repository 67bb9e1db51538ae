import type { Tx } from '../pool.ts';

/** Cancels what is queued and not yet under way of a turn, a plan or both; a turn's closing answer always stays. */
export async function cancelQueuedWrites(tx: Tx, of: { readonly turnId: string | null; readonly planId: string | null }): Promise<number> {
  const { rowCount } = await tx.query(
    `update cyrus.outbound_write set state = 'cancelled'
     where state = 'queued' and not closing and (turn_id = $1 or plan_id = $2)`,
    [of.turnId, of.planId],
  );
  return rowCount;
}

/** Cancels a turn's queued thoughts and actions: called by whoever queues its closing answer. */
export async function cancelTurnActivities(tx: Tx, turnId: string): Promise<number> {
  const { rowCount } = await tx.query(
    `update cyrus.outbound_write set state = 'cancelled'
     where state = 'queued' and not closing and kind = 'activity' and turn_id = $1`,
    [turnId],
  );
  return rowCount;
}
