import type { Queryable } from '../pool.ts';

/** Everything people wrote that a plan's agent gets to read. */
export interface PlanTexts {
  readonly workspace: string;
  /** Who told of the issue: `linear`, `cli`. */
  readonly source: string;
  readonly description: string;
  /** Newest first. */
  readonly messages: readonly string[];
  /** Newest first. */
  readonly comments: readonly string[];
  readonly attachments: readonly { readonly title: string; readonly url: string }[];
}

export async function planTexts(db: Queryable, planId: string): Promise<PlanTexts | null> {
  const { rows } = await db.query<PlanTexts>(
    `select i.workspace, i.description,
       coalesce((select s.source from cyrus.session s where s.issue_id = i.id order by s.created_at limit 1), '') as source,
       array(select m.body from cyrus.plan_message m where m.plan_id = p.id order by m.n desc) as messages,
       array(select c.value ->> 'body' from jsonb_array_elements(coalesce(i.details -> 'comments', '[]')) with ordinality as c(value, n)
         order by c.n desc) as comments,
       coalesce(i.details -> 'attachments', '[]') as attachments
     from cyrus.plan p join cyrus.issue i on i.id = p.issue_id where p.id = $1`,
    [planId],
  );
  return rows[0] ?? null;
}
