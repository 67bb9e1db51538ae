import type { Issue, IssueDetails } from 'cyrus-core/domain/issue';
import type { Answer } from 'cyrus-core/domain/session';
import type { Tx } from '../pool.ts';
import { cancelTurnActivities } from './outbound-cancel.ts';

/** Where a session stands after a decision. */
export async function saveSession(
  tx: Tx,
  id: string,
  row: { readSeq: number; planId: string | null; issueJob: string | null },
): Promise<void> {
  await tx.query('update cyrus.session set read_seq = $2, plan_id = $3, issue_job = $4 where id = $1', [
    id,
    row.readSeq,
    row.planId,
    row.issueJob,
  ]);
}

/** Stores an issue as the tracker gave it. */
export async function saveIssue(
  tx: Tx,
  id: string,
  issue: Pick<Issue, 'identifier' | 'title' | 'description' | 'url'> & { readonly details: IssueDetails },
): Promise<void> {
  await tx.query(
    `update cyrus.issue set identifier = $2, title = $3, description = $4, url = $5, details = $6,
       read_at = coalesce($7::timestamptz, clock_timestamp()) where id = $1`,
    [id, issue.identifier, issue.title, issue.description, issue.url, JSON.stringify(issue.details), tx.manualNow()],
  );
}

/** Closes an open turn, once, and withdraws what it still had to say: the tracker reads a session's state off its last activity. */
export async function closeTurn(tx: Tx, turnId: string, answer: Answer): Promise<void> {
  const { rowCount } = await tx.query(
    `update cyrus.turn set state = 'closed', closed_as = $2, closed_at = coalesce($3::timestamptz, clock_timestamp()) where id = $1 and state = 'open'`,
    [turnId, answer.kind, tx.manualNow()],
  );
  if (rowCount !== 1) throw new Error(`turn ${turnId} was closed already`);
  await cancelTurnActivities(tx, turnId);
}

/** Opens a turn for messages that came after a stop and moves them into it. */
export async function openTurn(tx: Tx, sessionId: string, turnId: string, fromSeq: number): Promise<void> {
  await tx.query(
    `insert into cyrus.turn (id, session_id, opened_by, opened_at) values ($1, $2, $3, coalesce($4::timestamptz, clock_timestamp()))`,
    [turnId, sessionId, `message:${fromSeq}`, tx.manualNow()],
  );
  await tx.query('update cyrus.message set turn_id = $1 where session_id = $2 and seq >= $3', [turnId, sessionId, fromSeq]);
}
