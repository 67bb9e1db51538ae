import type { Queryable } from '../pool.ts';

/** Records how many webhooks were refused since the last record, by reason. */
export async function insertRefusals(
  db: Queryable,
  payload: { readonly source: string; readonly reasons: Readonly<Record<string, number>> },
): Promise<void> {
  await db.query(
    `insert into cyrus.event (type, payload, at) values ('webhook_refused', $1::jsonb, coalesce($2::timestamptz, clock_timestamp()))`,
    [JSON.stringify(payload), db.manualNow()],
  );
}
