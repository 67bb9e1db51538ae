import type { Queryable } from '../pool.ts';

/** The credentials with writes still to do. */
export async function openCredentials(db: Queryable): Promise<readonly string[]> {
  const { rows } = await db.query<{ credential: string }>(
    `select distinct credential from cyrus.outbound_write where state in ('queued', 'sending') order by credential`,
  );
  return rows.map((row) => row.credential);
}
