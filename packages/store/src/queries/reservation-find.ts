import type { Billing } from 'cyrus-core/budget';
import type { MicroUsd } from 'cyrus-core/money';
import type { Queryable } from '../pool.ts';

export interface Reservation {
  readonly cost: MicroUsd;
  readonly charged: MicroUsd;
  readonly billing: Billing;
}

/** What an attempt has reserved; null: nothing. */
export async function findReservation(db: Queryable, attemptId: string): Promise<Reservation | null> {
  const { rows } = await db.query<Reservation>('select cost, charged, billing from cyrus.reservation where attempt_id = $1', [attemptId]);
  return rows[0] ?? null;
}
