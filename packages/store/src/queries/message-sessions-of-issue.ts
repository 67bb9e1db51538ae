import type { Queryable } from '../pool.ts';

/** The sessions of an issue with work under way: an open turn or a live plan. In the order in which all who lock several lock them. */
export async function busySessionsOfIssue(tx: Queryable, issueId: string): Promise<readonly string[]> {
  const { rows } = await tx.query<{ id: string }>(
    `select id from cyrus.session s
     where issue_id = $1
       and (plan_id is not null or exists (select from cyrus.turn t where t.session_id = s.id and t.state = 'open'))
     order by id`,
    [issueId],
  );
  return rows.map((row) => row.id);
}
