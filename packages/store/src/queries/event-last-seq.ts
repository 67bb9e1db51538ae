import type { Queryable } from '../pool.ts';

/** The number of an attempt's last stored event; 0: none. */
export async function lastAttemptSeq(tx: Queryable, attemptId: string): Promise<number> {
  const { rows } = await tx.query<{ seq: number | null }>('select max(attempt_seq) as seq from cyrus.event where attempt_id = $1', [
    attemptId,
  ]);
  return rows[0]?.seq ?? 0;
}
