import type { Queryable } from '../pool.ts';

/** Repositories that had a plan in the last `days`, the most recently used first. */
export async function repositoriesUsed(db: Queryable, days: number): Promise<readonly string[]> {
  const { rows } = await db.query<{ id: string }>(
    `select repository_id as id from cyrus.plan where created_at > coalesce($2::timestamptz, clock_timestamp()) - make_interval(days => $1)
        or state not in ('done', 'failed', 'stopped')
     group by repository_id order by max(created_at) desc`,
    [days, db.manualNow()],
  );
  return rows.map(({ id }) => id);
}
