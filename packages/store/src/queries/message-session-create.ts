import type { Tx } from '../pool.ts';
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

/**
 * Adds a session and its issue where they are missing; changes nothing that is there. Resolves with the session, locked as a
 * row of this transaction's own; null when it was there before, or another transaction was faster.
 */
export async function createMessageSession(tx: Tx, session: ArrivedSession): Promise<MessageSession | null> {
  const { issue } = session;
  const { rows } = await tx.query<MessageSession>(
    `with issue as (
       insert into cyrus.issue (id, workspace, identifier, title, description, url)
       values ($1, $2, $3, $4, $5, $6) on conflict (id) do nothing
     )
     insert into cyrus.session (id, source, workspace, issue_id, context, created_at)
     values ($7, $8, $2, $1, $9::jsonb, coalesce($10::timestamptz, clock_timestamp())) on conflict (id) do nothing
     returning ${messageSessionColumns}`,
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
    ],
  );
  return rows[0] ?? null;
}
