import type { Queryable } from '../pool.ts';

/**
 * Issues with work under way: an open turn or a live plan. Of a workspace, or of those teams of it alone; an issue's team is
 * known once it was read. Each with its team's key.
 */
export async function busyIssuesOfTeams(
  tx: Queryable,
  of: { readonly workspace: string; readonly teamIds: readonly string[] },
): Promise<readonly { readonly id: string; readonly teamKey: string | null }[]> {
  const { rows } = await tx.query<{ id: string; teamKey: string | null }>(
    `select i.id, i.details ->> 'teamKey' as "teamKey" from cyrus.issue i
     where i.workspace = $1 and i.details ->> 'teamId' = any($2)
       and exists (select from cyrus.session s where s.issue_id = i.id and s.source = 'linear'
         and (s.plan_id is not null or exists (select from cyrus.turn t where t.session_id = s.id and t.state = 'open')))
     order by i.id`,
    [of.workspace, of.teamIds],
  );
  return rows;
}

/**
 * Sessions of a workspace that have work under way or something to say, and in which nobody asked for anything since `at`
 * (epoch milliseconds; null: whenever). In the order in which all who lock several lock them.
 */
export async function sessionsOfWorkspace(tx: Queryable, workspace: string, at: number | null): Promise<readonly string[]> {
  const { rows } = await tx.query<{ id: string }>(
    `select s.id from cyrus.session s
     where s.workspace = $1 and s.source = 'linear'
       and (s.plan_id is not null
         or exists (select from cyrus.turn t where t.session_id = s.id and t.state = 'open')
         or exists (select from cyrus.outbound_write w where w.session_id = s.id and w.state in ('queued', 'sending')))
       and not exists (select from cyrus.message m
         where m.session_id = s.id and m.at > to_timestamp($2::float8 / 1000) and coalesce(m.signal, '') not in ('stop', 'overtaken', 'refused', 'edited'))
     order by s.id`,
    [workspace, at],
  );
  return rows.map((row) => row.id);
}
