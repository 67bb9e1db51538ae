import type { Queryable } from '../pool.ts';

/**
 * Where the comments of a session go that stand for its activities: its issue, and the first such comment, which the others
 * answer. Undefined for a session that is not there.
 */
export async function commentThread(
  db: Queryable,
  sessionId: string,
): Promise<{ readonly issueId: string; readonly root: string | null } | undefined> {
  const { rows } = await db.query<{ issueId: string; root: string | null }>(
    `select s.issue_id as "issueId",
       (select w.result ->> 'remoteId' from cyrus.outbound_write w
        where w.session_id = s.id and w.state = 'sent' and w.result ->> 'as' = 'comment' and (w.result ->> 'root')::boolean
        order by w.seq desc limit 1) as root
     from cyrus.session s where s.id = $1`,
    [sessionId],
  );
  return rows[0];
}
