import type { Queryable } from '../pool.ts';

/**
 * Puts writes that an earlier broker of this credential left under way back into their lanes. Whether it had sent them
 * is unknown: they are sent again under the same id. `except`: those that this broker is itself sending.
 */
export async function recoverWrites(db: Queryable, credential: string, except: readonly string[]): Promise<number> {
  const { rowCount } = await db.query(
    `update cyrus.outbound_write set state = 'queued'
     where credential = $1 and state = 'sending' and not (id = any($2::uuid[]))`,
    [credential, except],
  );
  return rowCount;
}
