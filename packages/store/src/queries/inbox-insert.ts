import type { Queryable } from '../pool.ts';

/** One arrival from outside. `body` is JSON text that Postgres accepts: no NUL, no lone surrogates. */
export interface Arrival {
  readonly source: 'linear' | 'github' | 'cli';
  readonly bodySha256: string;
  readonly deliveryId: string | null;
  /** What it is about, however often and in whatever shape it is delivered: the session of a creation, (session, activity) of a prompt. */
  readonly eventKey: string | null;
  readonly event: string;
  readonly body: string;
}

/**
 * Takes an arrival in, once. Waits for a concurrent transaction that takes in the same one.
 * Resolves with false when it is already there by body, by delivery id or by event key.
 */
export async function insertInbox(tx: Queryable, arrival: Arrival): Promise<boolean> {
  const { rowCount } = await tx.query(
    `insert into cyrus.inbox (source, body_sha256, delivery_id, event_key, event, body, received_at)
     values ($1, $2, $3, $4, $5, $6::jsonb, coalesce($7::timestamptz, clock_timestamp()))
     on conflict do nothing`,
    [arrival.source, arrival.bodySha256, arrival.deliveryId, arrival.eventKey, arrival.event, arrival.body, tx.manualNow()],
  );
  return rowCount > 0;
}
