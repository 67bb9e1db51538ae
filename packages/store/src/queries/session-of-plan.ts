import type { Queryable } from '../pool.ts';

/** Sessions of a plan's issue, those that work on the plan first. */
export async function sessionsOfPlan(db: Queryable, planId: string): Promise<readonly { readonly id: string; readonly live: boolean }[]> {
  const { rows } = await db.query<{ id: string; live: boolean }>(
    `select s.id, coalesce(s.plan_id = p.id, false) as live from cyrus.session s join cyrus.plan p on p.issue_id = s.issue_id
     where p.id = $1 order by live desc, s.created_at`,
    [planId],
  );
  return rows;
}
