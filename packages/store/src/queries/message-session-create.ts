import type { Tx } from '../pool.ts';

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

/** Adds a session and its issue where they are missing. Changes nothing that is there; another transaction may be faster. */
export async function createMessageSession(tx: Tx, session: ArrivedSession): Promise<void> {
  const { issue } = session;
  await tx.query(
    `insert into cyrus.issue (id, workspace, identifier, title, description, url)
     values ($1, $2, $3, $4, $5, $6) on conflict (id) do nothing`,
    [issue.id, session.workspace, issue.identifier, issue.title, issue.description, issue.url],
  );
  await tx.query(
    `insert into cyrus.session (id, source, workspace, issue_id, context, created_at)
     values ($1, $2, $3, $4, $5::jsonb, coalesce($6::timestamptz, clock_timestamp())) on conflict (id) do nothing`,
    [session.id, session.source, session.workspace, issue.id, JSON.stringify(session.context), tx.manualNow()],
  );
}
