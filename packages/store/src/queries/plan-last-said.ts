import type { Queryable } from '../pool.ts';

/** When a person last said something that the plan works on, in epoch milliseconds; its creation where nobody said anything. */
export async function planLastSaid(db: Queryable, planId: string): Promise<number | undefined> {
  const { rows } = await db.query<{ said: number }>(
    `select extract(epoch from coalesce((select max(m.at) from cyrus.plan_message m where m.plan_id = p.id), p.created_at))::float8 * 1000 as said
     from cyrus.plan p where p.id = $1`,
    [planId],
  );
  return rows[0]?.said;
}
