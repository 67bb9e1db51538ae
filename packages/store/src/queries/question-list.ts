import type { Queryable } from '../pool.ts';

/** A question that waits for a person. */
export interface OpenQuestion {
  readonly id: string;
  readonly kind: 'agent' | 'route' | 'policy';
  readonly sessionId: string;
  readonly planId: string | null;
  readonly identifier: string;
  readonly title: string;
  readonly body: string;
  readonly options: readonly (string | { readonly label: string; readonly value: string })[];
  readonly askedAt: number;
}

/** Open questions, the oldest first. */
export async function openQuestions(db: Queryable): Promise<readonly OpenQuestion[]> {
  const { rows } = await db.query<OpenQuestion>(
    `select q.id, q.kind, q.session_id as "sessionId", q.plan_id as "planId", i.identifier, i.title, q.body,
       coalesce(q.options, '[]') as options, q.asked_at as "askedAt"
     from cyrus.question q join cyrus.session s on s.id = q.session_id join cyrus.issue i on i.id = s.issue_id
     where q.state = 'open' order by q.asked_at, q.id`,
  );
  return rows;
}
