import type { Queryable } from '../pool.ts';

/**
 * Of these sessions the one through which work under way is told what nobody said in a session: the oldest with a live plan that
 * is not parked and an open turn. Null: no agent is to hear it, since whatever comes next reads the issue as it is then.
 */
export async function sessionAtWork(tx: Queryable, ids: readonly string[]): Promise<string | null> {
  const { rows } = await tx.query<{ id: string }>(
    `select s.id from cyrus.session s join cyrus.plan p on p.id = s.plan_id
     where s.id = any($1) and p.state not in ('parked', 'done', 'failed', 'stopped')
       and not exists (select from cyrus.stop_request r where r.plan_id = p.id)
       and exists (select from cyrus.turn t where t.session_id = s.id and t.state = 'open')
     order by s.created_at, s.id limit 1`,
    [ids],
  );
  return rows[0]?.id ?? null;
}
