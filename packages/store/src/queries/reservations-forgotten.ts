import type { Queryable } from '../pool.ts';

/** Attempts that have ended and whose books are open all the same. */
export async function forgottenReservations(db: Queryable): Promise<readonly string[]> {
  const { rows } = await db.query<{ id: string }>(
    `select r.attempt_id as id from cyrus.reservation r join cyrus.attempt a on a.id = r.attempt_id
     where r.released_at is null and a.state in ('succeeded', 'failed', 'asked', 'lost', 'stopped')
     union select i.attempt_id from cyrus.call_intent i join cyrus.reservation r on r.attempt_id = i.attempt_id
     where i.settled_at is null and r.released_at is not null`,
  );
  return rows.map((row) => row.id);
}
