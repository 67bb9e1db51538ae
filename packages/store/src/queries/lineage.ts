import type { Queryable } from '../pool.ts';

/** How many of an issue's parents have been worked on, and how many live plans agents' issues under its parent have. */
export async function lineageOf(
  db: Queryable,
  issue: { readonly id: string; readonly ancestors: readonly string[]; readonly appUserId: string | null },
): Promise<{ readonly depth: number; readonly siblings: number }> {
  const [parent] = issue.ancestors;
  if (parent === undefined) return { depth: 0, siblings: 0 };
  const { rows } = await db.query<{ depth: number; siblings: number }>(
    `select (select count(distinct p.issue_id) from cyrus.plan p where p.issue_id = any($1::text[])) as depth,
       (select count(*) from cyrus.plan p join cyrus.issue i on i.id = p.issue_id
         where i.id <> $2 and i.details -> 'ancestors' -> 0 ->> 'id' = $3 and i.details ->> 'creatorId' = $4
           and p.state not in ('done', 'failed', 'stopped')) as siblings`,
    [issue.ancestors, issue.id, parent, issue.appUserId],
  );
  return rows[0] ?? { depth: 0, siblings: 0 };
}
