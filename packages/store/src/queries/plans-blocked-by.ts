import type { Queryable } from '../pool.ts';

/** Plans that wait because their issue is blocked: by this one, or, with `itself`, because this one is. */
export async function plansBlockedBy(tx: Queryable, issueId: string, whose: 'itself' | 'others'): Promise<readonly string[]> {
  const { rows } = await tx.query<{ id: string }>(
    `select p.id from cyrus.plan p join cyrus.issue i on i.id = p.issue_id
     where p.state = 'parked' and p.parked_reason = 'blocked'
       and case when $2 = 'itself' then p.issue_id = $1
                else i.details -> 'blockedBy' @> jsonb_build_array(jsonb_build_object('id', $1::text)) end
     order by p.id`,
    [issueId, whose],
  );
  return rows.map((row) => row.id);
}
