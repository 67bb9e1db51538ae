import { type Tx, toTimestamp } from '../pool.ts';

export interface MessageRow {
  readonly sessionId: string;
  /** The session's `next_seq`, read under its lock. */
  readonly seq: number;
  /** The turn to open where none is. */
  readonly newTurnId: string;
  readonly activityId: string | null;
  readonly authorId: string | null;
  readonly authorName: string | null;
  readonly body: string;
  readonly signal: string | null;
  /** Epoch milliseconds; absent: now. */
  readonly saidAt?: number;
}

/**
 * Adds a message to the open turn of its session, or opens one for it. The caller holds the session's lock, taken by an
 * earlier statement: this one has to see every turn that was closed before the lock was had.
 */
export async function insertMessage(tx: Tx, message: MessageRow): Promise<{ readonly turnId: string; readonly opened: boolean }> {
  const { rows } = await tx.query<{ turnId: string; opened: boolean }>(
    `with clock as (select coalesce($9::timestamptz, clock_timestamp()) as now),
     open as (select id from cyrus.turn where session_id = $1 and state = 'open'),
     opened as (
       insert into cyrus.turn (id, session_id, opened_by, opened_at)
       select $3, $1, 'message:' || $2::int, now from clock where not exists (select from open)
       returning id
     ),
     chosen as (select id, false as opened from open union all select id, true from opened),
     message as (
       insert into cyrus.message (session_id, seq, turn_id, activity_id, author_id, author_name, body, signal, at)
       select $1, $2::int, chosen.id, $4, $5, $6, $7, $8, coalesce($10::timestamptz, now) from chosen, clock
     ),
     numbered as (update cyrus.session set next_seq = $2::int + 1 where id = $1)
     select id as "turnId", opened from chosen`,
    [
      message.sessionId,
      message.seq,
      message.newTurnId,
      message.activityId,
      message.authorId,
      message.authorName,
      message.body,
      message.signal,
      tx.manualNow(),
      message.saidAt === undefined ? null : toTimestamp(message.saidAt),
    ],
  );
  const [row] = rows;
  if (!row) throw new Error(`session ${message.sessionId} took no message`);
  return row;
}
