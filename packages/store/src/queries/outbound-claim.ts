import type { Queryable } from '../pool.ts';

/** A write that a broker has taken on. */
export interface ClaimedWrite {
  readonly id: string;
  readonly key: string;
  readonly credential: string;
  readonly lane: string;
  readonly kind: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly sessionId: string | null;
  readonly turnId: string | null;
  readonly planId: string | null;
  /** How often it was tried, this time included. */
  readonly attempts: number;
}

/**
 * Takes the oldest open write of up to `limit` lanes, by priority, and moves each to `sending`. Four kinds are cancelled
 * instead: writes of a plan whose stop was asked for, activities of a turn that already has its closing answer (the
 * tracker reads a session's state from its last activity, so a late thought would reopen it), those of a turn that was told to
 * stop (one that was under way then, and did not get through, comes back to its lane), and whatever is for a session whose
 * workspace removed our app.
 */
export async function claimWrites(
  db: Queryable,
  options: { readonly credential: string; readonly limit: number },
): Promise<{ readonly claimed: readonly ClaimedWrite[]; readonly cancelled: number }> {
  const { rows } = await db.query<ClaimedWrite & { state: string }>(
    `with head as (
       select distinct on (lane) id from cyrus.outbound_write
       where credential = $1 and state in ('queued', 'sending')
       order by lane, seq
     ),
     ready as (
       select w.id, exists (select from cyrus.session s where s.id = w.session_id and s.context ? 'revoked') or not w.closing and (
         exists (select from cyrus.stop_request s where s.plan_id = w.plan_id)
         or w.kind = 'activity' and exists (
           select from cyrus.outbound_write c
           where c.session_id = w.session_id and c.turn_id = w.turn_id and c.closing and c.state in ('queued', 'sending', 'sent'))
         or w.kind = 'activity' and exists (
           select from cyrus.message m where m.session_id = w.session_id and m.turn_id = w.turn_id and m.signal = 'stop')
       ) as void
       from head join cyrus.outbound_write w using (id)
       where w.state = 'queued' and (w.not_before is null or w.not_before <= coalesce($3::timestamptz, clock_timestamp()))
       order by w.priority, w.seq
       limit $2
       for update of w skip locked
     )
     update cyrus.outbound_write w
     set state = case when ready.void then 'cancelled' else 'sending' end,
         attempts = w.attempts + case when ready.void then 0 else 1 end
     from ready where w.id = ready.id
     returning w.id, w.key, w.credential, w.lane, w.kind, w.payload, w.state, w.attempts, w.priority, w.seq,
       w.session_id as "sessionId", w.turn_id as "turnId", w.plan_id as "planId"`,
    [options.credential, options.limit, db.manualNow()],
  );
  const claimed = rows.filter((row) => row.state === 'sending');
  return { claimed, cancelled: rows.length - claimed.length };
}
