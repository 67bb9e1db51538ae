import type { Tx } from '../pool.ts';

/**
 * Until the transaction ends, the issue is neither given to us nor taken away by another one: which of the two came first is then
 * known to every later statement. Taken before any row of the issue is locked.
 */
export function holdIssue(tx: Tx, issueId: string): void {
  tx.send('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`issue:${issueId}`]);
}
