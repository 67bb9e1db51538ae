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
  readonly authorEmail?: string | null;
  readonly body: string;
  /** `stop` for everything that means it. */
  readonly signal: string | null;
  /** Epoch milliseconds; absent: now. */
  readonly saidAt?: number;
}

/** The `signal` of a message that arrived after a stop that was said later: kept in the stop's turn, read by nobody. */
export const overtaken = 'overtaken';

export interface InsertedMessage {
  readonly turnId: string;
  /** The message opened the turn. */
  readonly opened: boolean;
  /** Its turn is closed, and that turn's answer is its answer: nothing is to be done. */
  readonly settled: boolean;
}

/**
 * Adds a message to the open turn of its session, or opens one for it; two kinds go into a turn that is closed. One that a
 * later stop has overtaken, because its delivery was late, must not begin anything. And a stop after the work has ended,
 * whose closing answer is about to leave, has that for its one answer: it is held until this transaction ends.
 *
 * The caller holds the session's lock, taken by an earlier statement: this one has to see every turn that was closed before
 * the lock was had. All of it is one statement because webhooks wait for it.
 */
export async function insertMessage(tx: Tx, message: MessageRow): Promise<InsertedMessage> {
  const { rows } = await tx.query<InsertedMessage>(insertion, parametersOf(tx, message));
  const [row] = rows;
  if (!row) throw new Error(`session ${message.sessionId} took no message`);
  return row;
}

/** Opens the first turn of a session that this transaction has added, with the message in it: what becomes of it is known beforehand. */
export function sendFirstMessage(tx: Tx, message: MessageRow): InsertedMessage {
  tx.send(insertion, parametersOf(tx, message));
  return { turnId: message.newTurnId, opened: true, settled: false };
}

const insertion = `with clock as (select coalesce($9::timestamptz, clock_timestamp()) as now),
   open as (select id from cyrus.turn where session_id = $1 and state = 'open'),
   later_stop as (
     select turn_id as id from cyrus.message
      where session_id = $1 and signal = 'stop' and at > $10::timestamptz and $8::text is distinct from 'stop' order by seq limit 1
   ),
   leaving as (
     select turn_id as id from cyrus.outbound_write
      where $8::text = 'stop' and session_id = $1 and closing and state = 'queued' and not exists (select from open)
      order by seq desc limit 1 for update
   ),
   settled as (select id from later_stop union all select id from leaving),
   opened as (
     insert into cyrus.turn (id, session_id, opened_by, opened_at)
     select $3, $1, 'message:' || $2::int, now from clock
      where not exists (select from open) and not exists (select from settled)
     returning id
   ),
   chosen as (
     select id, false as opened, true as settled from settled
     union all select id, false, false from open where not exists (select from settled)
     union all select id, true, false from opened
   ),
   message as (
     insert into cyrus.message (session_id, seq, turn_id, activity_id, author_id, author_name, body, signal, at, author_email)
     select $1, $2::int, chosen.id, $4, $5, $6, $7, case when exists (select from later_stop) then '${overtaken}' else $8 end,
            coalesce($10::timestamptz, now), $11
       from chosen, clock
   ),
   numbered as (
     update cyrus.session
        set next_seq = $2::int + 1,
            read_seq = case when exists (select from settled) and read_seq = $2::int - 1 then $2::int else read_seq end
      where id = $1
   )
   select id as "turnId", opened, settled from chosen`;

function parametersOf(tx: Tx, message: MessageRow): readonly unknown[] {
  return [
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
    message.authorEmail ?? null,
  ];
}
