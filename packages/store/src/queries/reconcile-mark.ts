import { type Queryable, toTimestamp } from '../pool.ts';

/** The source of the one row a workspace by which the inbox knows how far it has been compared with the tracker. */
const source = 'reconciler';

/** Up to when a workspace's events have been compared with what came in; by the tracker's clock. Null: never. */
export async function readReconcileMark(db: Queryable, workspace: string): Promise<number | null> {
  const { rows } = await db.query<{ at: number }>(
    `select (body ->> 'seenTo')::timestamptz as at from cyrus.inbox where source = '${source}' and event_key = $1`,
    [`seen:${workspace}`],
  );
  return rows[0]?.at ?? null;
}

/** The workspaces of the tracker that something came from, or that were compared with what came in. */
export async function seenWorkspaces(db: Queryable): Promise<readonly string[]> {
  const { rows } = await db.query<{ workspace: string }>(
    `select workspace from cyrus.session where source = 'linear'
     union select substr(event_key, 6) from cyrus.inbox where source = '${source}' and event_key like 'seen:%'`,
  );
  return rows.map(({ workspace }) => workspace);
}

export async function saveReconcileMark(db: Queryable, workspace: string, at: number): Promise<void> {
  await db.query(
    `insert into cyrus.inbox (source, body_sha256, event_key, event, body)
     values ('${source}', $1, $1, 'seen', jsonb_build_object('seenTo', $2::text))
     on conflict (source, event_key) do update set body = excluded.body, received_at = clock_timestamp()`,
    [`seen:${workspace}`, toTimestamp(at)],
  );
}
