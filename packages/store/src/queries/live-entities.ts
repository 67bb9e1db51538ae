import type { Queryable } from '../pool.ts';

/** Every entity that is not at its end, by its name in `due`. */
export async function liveEntities(tx: Queryable): Promise<readonly string[]> {
  const { rows } = await tx.query<{ entity: string }>(
    `select 'session:' || s.id as entity from cyrus.session s
       where s.plan_id is not null or s.read_seq < s.next_seq - 1 or exists (select from cyrus.turn t where t.session_id = s.id and t.state = 'open')
     union all select 'plan:' || id from cyrus.plan where state not in ('done', 'failed', 'stopped')
     union all select 'attempt:' || id from cyrus.attempt where state not in ('succeeded', 'failed', 'asked', 'lost', 'stopped')
     union all select distinct entity from cyrus.input where read_at is null
     union all select 'dispatcher:main'`,
  );
  return [...new Set(rows.map((row) => row.entity))];
}
