import type { Queryable } from '../pool.ts';

/** The newest turn of a session, with the plan it was about. */
export interface TurnView {
  readonly closed: boolean;
  readonly kind: string | null;
  /** The closing answer's text. */
  readonly body: string;
  readonly planId: string | null;
  readonly state: string | null;
  readonly branch: string | null;
  readonly startSha: string | null;
  readonly pushedSha: string | null;
  /** Micro-dollars; null: nothing priced. */
  readonly cost: number | null;
}

export async function readTurn(db: Queryable, sessionId: string): Promise<TurnView | null> {
  const { rows } = await db.query<TurnView>(
    `select t.state = 'closed' as closed, t.closed_as as kind,
       coalesce((select w.payload -> 'content' ->> 'body' from cyrus.outbound_write w where w.turn_id = t.id and w.closing), '') as body,
       p.id as "planId", p.state, p.branch, p.start_sha as "startSha", p.pushed_sha as "pushedSha",
       (select sum(c.cost) from cyrus.charge c join cyrus.attempt a on a.id = c.attempt_id where a.plan_id = p.id) as cost
     from cyrus.session s join cyrus.turn t on t.session_id = s.id
     left join lateral (select * from cyrus.plan where issue_id = s.issue_id order by number desc limit 1) p on true
     where s.id = $1 order by t.opened_at desc limit 1`,
    [sessionId],
  );
  return rows[0] ?? null;
}
