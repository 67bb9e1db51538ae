import type { Queryable } from '../pool.ts';

/** Records that a credential stopped or began to work again. */
export async function insertCredentialEvent(
  db: Queryable,
  type: 'credential_failed' | 'credential_recovered',
  payload: Readonly<Record<string, unknown>>,
): Promise<void> {
  await db.query(`insert into cyrus.event (type, payload, at) values ($1, $2::jsonb, coalesce($3::timestamptz, clock_timestamp()))`, [
    type,
    JSON.stringify(payload),
    db.manualNow(),
  ]);
}
