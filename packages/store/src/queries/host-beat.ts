import type { Queryable } from '../pool.ts';

/** Says that this boot lives. False: another boot has taken the host over, and nothing of this one counts any more. */
export async function beatHost(tx: Queryable, host: { readonly id: string; readonly bootId: string }): Promise<boolean> {
  const { rowCount } = await tx.query(
    `update cyrus.host set heartbeat_at = coalesce($3::timestamptz, clock_timestamp()) where id = $1 and boot_id = $2`,
    [host.id, host.bootId, tx.manualNow()],
  );
  return rowCount > 0;
}
