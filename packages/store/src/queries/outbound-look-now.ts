import type { Tx } from '../pool.ts';

/** A plan that waits for the checks of this commit looks now, and not when it would have. Resolves with whether one waits. */
export async function lookAtChecksNow(tx: Tx, sha: string): Promise<boolean> {
  const { rowCount } = await tx.query(
    `update cyrus.outbound_write set not_before = null
     where credential = 'github' and state = 'queued' and kind = 'pull-request-checks' and payload ->> 'sha' = $1 and not_before is not null`,
    [sha],
  );
  return rowCount > 0;
}
