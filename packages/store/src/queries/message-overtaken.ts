import { type Tx, toTimestamp } from '../pool.ts';
import type { MessageRow } from './message-insert.ts';

/** The `signal` of a message that arrived after a stop that was said later: kept in the stop's turn, read by nobody. */
export const overtaken = 'overtaken';

export interface LaterMessage {
  readonly turnId: string;
  readonly body: string;
  readonly signal: string | null;
}

/** What was said in a session after `saidAt` and has arrived. */
export async function messagesAfter(tx: Tx, sessionId: string, saidAt: number): Promise<readonly LaterMessage[]> {
  const { rows } = await tx.query<LaterMessage>(
    'select turn_id as "turnId", body, signal from cyrus.message where session_id = $1 and at > $2 order by seq',
    [sessionId, toTimestamp(saidAt)],
  );
  return rows;
}

/** Keeps a message that a stop has overtaken; the stop's answer is its answer. The caller holds the session's lock. */
export async function insertOvertaken(tx: Tx, message: Omit<MessageRow, 'newTurnId'> & { readonly turnId: string }): Promise<void> {
  await tx.query(
    `with numbered as (
       update cyrus.session set next_seq = $2::int + 1, read_seq = case read_seq when $2::int - 1 then $2::int else read_seq end where id = $1)
     insert into cyrus.message (session_id, seq, turn_id, activity_id, author_id, author_name, body, signal, at)
     values ($1, $2::int, $3, $4, $5, $6, $7, '${overtaken}', $8)`,
    [
      message.sessionId,
      message.seq,
      message.turnId,
      message.activityId,
      message.authorId,
      message.authorName,
      message.body,
      toTimestamp(message.saidAt ?? 0),
    ],
  );
}
