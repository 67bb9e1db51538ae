import type { Queryable } from '../pool.ts';

/** Plans that wait because an issue is blocked: those whose issue this one blocks, and those of the issue itself. */
export async function plansBlockedBy(tx: Queryable, issueId: string): Promise<readonly string[]> {
  const { rows } = await tx.query<{ id: string }>(
    `select p.id from cyrus.plan p join cyrus.issue i on i.id = p.issue_id
     where p.state = 'parked' and p.parked_reason = 'blocked'
       and (p.issue_id = $1 or i.details -> 'blockedBy' @> jsonb_build_array(jsonb_build_object('id', $1::text)))
     order by p.id`,
    [issueId],
  );
  return rows.map((row) => row.id);
}
