import type { Tx } from '../pool.ts';
import type { ArrivedSession } from './message-session-create.ts';

/**
 * Writes what an arrival knows of a session that was there before it: newer words of the issue, more context.
 * The caller holds the session's lock; the issue's row is always locked after it.
 */
export function refreshMessageSession(tx: Tx, session: ArrivedSession): void {
  const { issue } = session;
  tx.send(
    `with issue as (
       update cyrus.issue set identifier = $2, title = $3, description = $4, url = coalesce($5, url)
       where id = $1 and (identifier, title, description) is distinct from ($2, $3, $4)
     )
     update cyrus.session set context = context || $7::jsonb where id = $6`,
    [issue.id, issue.identifier, issue.title, issue.description, issue.url, session.id, JSON.stringify(session.context)],
  );
}
