import { type Tx, toTimestamp } from '../pool.ts';
import { type MessageSession, messageSessionColumns } from './message-session-lock.ts';

export interface ArrivedIssue {
  readonly id: string;
  readonly identifier: string;
  readonly title: string;
  readonly description: string;
  readonly url: string | null;
}

export interface ArrivedSession {
  readonly id: string;
  readonly source: string;
  readonly workspace: string;
  readonly issue: ArrivedIssue;
  readonly context: Readonly<Record<string, unknown>>;
}

/** A session that was not there before, locked as a row of this transaction's own. */
export interface CreatedSession extends MessageSession {
  /** Its issue was taken away from us after `saidAt`. */
  readonly takenAway: boolean;
}

/**
 * Adds a session and its issue where they are missing; changes nothing that is there. Resolves with null when the session was
 * there before, or another transaction was faster. The caller holds the issue.
 *
 * @param saidAt when it was asked for, by the tracker's clock in epoch milliseconds; undefined: just now
 */
export async function createMessageSession(tx: Tx, session: ArrivedSession, saidAt: number | undefined): Promise<CreatedSession | null> {
  const { issue } = session;
  const { rows } = await tx.query<CreatedSession>(
    `with issue as (
       insert into cyrus.issue (id, workspace, identifier, title, description, url)
       values ($1, $2, $3, $4, $5, $6) on conflict (id) do nothing
     )
     insert into cyrus.session (id, source, workspace, issue_id, context, created_at)
     values ($7, $8, $2, $1, $9::jsonb, coalesce($10::timestamptz, clock_timestamp())) on conflict (id) do nothing
     returning ${messageSessionColumns}, exists (
       select from cyrus.inbox
        where event = 'unassigned' and coalesce(body -> 'notification' ->> 'issueId', body -> 'notification' -> 'issue' ->> 'id') = $1
          and (body ->> 'createdAt')::timestamptz > $11::timestamptz) as "takenAway"`,
    [
      issue.id,
      session.workspace,
      issue.identifier,
      issue.title,
      issue.description,
      issue.url,
      session.id,
      session.source,
      JSON.stringify(session.context),
      tx.manualNow(),
      saidAt === undefined ? null : toTimestamp(saidAt),
    ],
  );
  return rows[0] ?? null;
}
