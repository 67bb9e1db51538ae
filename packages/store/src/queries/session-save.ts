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
  tx.send('update cyrus.session set read_seq = $2, plan_id = $3, issue_job = $4 where id = $1', [
    id,
    row.readSeq,
    row.planId,
    row.issueJob,
  ]);
}

/** Stores an issue as the tracker gave it. Words that were heard of meanwhile, and are newer than what was read, stay. */
export async function saveIssue(
  tx: Tx,
  id: string,
  issue: Pick<Issue, 'identifier' | 'title' | 'description' | 'url'> & { readonly details: IssueDetails },
): Promise<void> {
  tx.send(
    `update cyrus.issue set identifier = $2, url = $5, details = $6,
       title = case when changed_at > $8::timestamptz then title else $3 end,
       description = case when changed_at > $8::timestamptz then description else $4 end,
       changed_at = greatest(changed_at, $8::timestamptz),
       read_at = coalesce($7::timestamptz, clock_timestamp()) where id = $1`,
    [
      id,
      issue.identifier,
      issue.title,
      issue.description,
      issue.url,
      JSON.stringify(issue.details),
      tx.manualNow(),
      issue.details.updatedAt ?? null,
    ],
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

/** Opens a turn: for messages that came after a stop, which move into it, or (`fromSeq` null) for an answer that is owed without one. */
export async function openTurn(
  tx: Tx,
  sessionId: string,
  turn: { readonly turnId: string; readonly openedBy: string; readonly fromSeq: number | null },
): Promise<void> {
  await tx.query(
    `insert into cyrus.turn (id, session_id, opened_by, opened_at) values ($1, $2, $3, coalesce($4::timestamptz, clock_timestamp()))`,
    [turn.turnId, sessionId, turn.openedBy, tx.manualNow()],
  );
  if (turn.fromSeq !== null)
    await tx.query('update cyrus.message set turn_id = $1 where session_id = $2 and seq >= $3', [turn.turnId, sessionId, turn.fromSeq]);
}

/** Marks messages whose writers may not say that here. */
export async function markRefused(tx: Tx, sessionId: string, seqs: readonly number[]): Promise<void> {
  if (seqs.length === 0) return;
  await tx.query(`update cyrus.message set signal = 'refused' where session_id = $1 and seq = any($2::int[])`, [sessionId, seqs]);
}
