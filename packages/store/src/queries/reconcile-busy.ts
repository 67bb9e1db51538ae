import type { Queryable } from '../pool.ts';

/** What is known here of an issue with work under way. */
export interface BusyIssue {
  readonly id: string;
  readonly identifier: string;
  readonly title: string;
  readonly description: string;
  /** Of its workflow state; null: never read. */
  readonly stateType: string | null;
  readonly delegateId: string | null;
}

/** The issues of a workspace with an open turn or a live plan. */
export async function busyIssues(db: Queryable, workspace: string): Promise<readonly BusyIssue[]> {
  const { rows } = await db.query<BusyIssue>(
    `select distinct i.id, i.identifier, i.title, i.description,
       i.details -> 'state' ->> 'type' as "stateType", i.details ->> 'delegateId' as "delegateId"
     from cyrus.session s join cyrus.issue i on i.id = s.issue_id
     where s.source = 'linear' and s.workspace = $1
       and (s.plan_id is not null or exists (select from cyrus.turn t where t.session_id = s.id and t.state = 'open'))`,
    [workspace],
  );
  return rows;
}
