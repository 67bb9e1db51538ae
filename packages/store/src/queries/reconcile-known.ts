import type { Queryable } from '../pool.ts';

export interface Sought {
  readonly eventKeys: readonly string[];
  readonly sessionIds: readonly string[];
  readonly activityIds: readonly string[];
}

export interface Known {
  readonly eventKeys: ReadonlySet<string>;
  readonly sessionIds: ReadonlySet<string>;
  /** Of messages that people wrote. */
  readonly activityIds: ReadonlySet<string>;
}

/** Which of these have come in. */
export async function findKnown(db: Queryable, sought: Sought): Promise<Known> {
  const { rows } = await db.query<{ kind: keyof Sought; id: string }>(
    `select 'eventKeys' as kind, event_key as id from cyrus.inbox where source = 'linear' and event_key = any ($1::text[])
     union all select 'sessionIds', id from cyrus.session where id = any ($2::text[])
     union all select 'activityIds', activity_id from cyrus.message where session_id = any ($2::text[]) and activity_id = any ($3::text[])`,
    [sought.eventKeys, sought.sessionIds, sought.activityIds],
  );
  const of = (kind: keyof Sought): ReadonlySet<string> => new Set(rows.filter((row) => row.kind === kind).map(({ id }) => id));
  return { eventKeys: of('eventKeys'), sessionIds: of('sessionIds'), activityIds: of('activityIds') };
}

/** Which of these activities are writes of ours. */
export async function findOwnWrites(db: Queryable, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const { rows } = await db.query<{ id: string }>('select id::text from cyrus.outbound_write where id::text = any ($1::text[])', [ids]);
  return new Set(rows.map(({ id }) => id));
}
