import type { Queryable } from '../pool.ts';

/** The key of the write that opens a session on an issue which is delegated to us and has none: once an issue. */
export const openedKey = (issueId: string): string => `open-session:${issueId}`;

/** Which of these issues a session is known of. */
export async function issuesWithSession(db: Queryable, ids: readonly string[]): Promise<ReadonlySet<string>> {
  if (ids.length === 0) return new Set();
  const { rows } = await db.query<{ id: string }>('select distinct issue_id as id from cyrus.session where issue_id = any ($1::text[])', [
    ids,
  ]);
  return new Set(rows.map(({ id }) => id));
}
