import type { Queryable } from '../pool.ts';

/**
 * Which of these writes, all under way, are of a plan whose stop was asked for and reach a code host. What is under way to the
 * tracker is not among them: the confirmation of the stop has to come after it.
 */
export async function stoppedWrites(db: Queryable, ids: readonly string[]): Promise<readonly string[]> {
  const { rows } = await db.query<{ id: string }>(
    `select w.id from cyrus.outbound_write w join cyrus.stop_request s on s.plan_id = w.plan_id
     where w.id = any($1::uuid[]) and w.kind in ('push', 'pull-request')`,
    [ids],
  );
  return rows.map((row) => row.id);
}
