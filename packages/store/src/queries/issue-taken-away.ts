import { type Tx, toTimestamp } from '../pool.ts';

/**
 * Until the transaction ends, the issue is neither given to us nor taken away by another one: which of the two came first is then
 * known. Taken before any row of the issue is locked.
 */
export async function holdIssue(tx: Tx, issueId: string): Promise<void> {
  await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`issue:${issueId}`]);
}

/** Whether the issue was taken away from us after `since`, by the tracker's clock in epoch milliseconds. */
export async function wasTakenAway(tx: Tx, issueId: string, since: number): Promise<boolean> {
  const { rows } = await tx.query(
    `select from cyrus.inbox
      where event = 'unassigned' and coalesce(body -> 'notification' ->> 'issueId', body -> 'notification' -> 'issue' ->> 'id') = $1
        and (body ->> 'createdAt')::timestamptz > $2::timestamptz limit 1`,
    [issueId, toTimestamp(since)],
  );
  return rows.length > 0;
}
