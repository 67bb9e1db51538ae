import type { Queryable } from '../pool.ts';

/** What work is going on with: nothing of it may be taken away. */
export interface LiveWork {
  /** Plans, tasks, attempts and jobs that are not over. */
  readonly ids: ReadonlySet<string>;
  /** Commits that plans under way build on. */
  readonly shas: readonly string[];
}

export async function liveWork(db: Queryable): Promise<LiveWork> {
  const { rows } = await db.query<{ id: string | null; sha: string | null }>(
    `with live as (
       select p.* from cyrus.plan p
       where p.state not in ('done', 'failed', 'stopped')
          or exists (select from cyrus.host_job j where j.plan_id = p.id and j.state in ('queued', 'running')))
     select id, start_sha as sha from live
     union all select null, head_sha from live union all select null, pushed_sha from live
     union all select t.id, t.head_sha from cyrus.task t join live on live.id = t.plan_id
     union all select a.id, a.head_sha from cyrus.attempt a join live on live.id = a.plan_id
     union all select null, a.base_sha from cyrus.attempt a join live on live.id = a.plan_id
     union all select null, a.checkout ->> 'startSha' from cyrus.attempt a join live on live.id = a.plan_id
     union all select j.id, null from cyrus.host_job j where j.state in ('queued', 'running')`,
  );
  return {
    ids: new Set(rows.flatMap(({ id }) => (id === null ? [] : [id]))),
    shas: [...new Set(rows.flatMap(({ sha }) => (sha === null ? [] : [sha])))],
  };
}

/** When the plan of each of these tasks and attempts ended, in epoch milliseconds; those that are not over, or unknown, are absent. */
export async function endsOf(db: Queryable, ids: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const { rows } = await db.query<{ id: string; ended: number }>(
    `select w.id, extract(epoch from p.ended_at)::float8 * 1000 as ended
     from (select id, plan_id from cyrus.task where id = any($1) union all select id, plan_id from cyrus.attempt where id = any($1)) w
     join cyrus.plan p on p.id = w.plan_id where p.ended_at is not null`,
    [ids],
  );
  return new Map(rows.map(({ id, ended }) => [id, ended]));
}

/** Those of these conversations whose issue has had nothing under way since `before` (epoch milliseconds), also such that nobody knows. */
export async function overConversations(db: Queryable, ids: readonly string[], before: number): Promise<readonly string[]> {
  const { rows } = await db.query<{ id: string }>(
    `select given.id from unnest($1::text[]) as given (id)
     where not exists (
       select from cyrus.conversation c join cyrus.plan p on p.issue_id = c.issue_id
       where c.id = given.id and (p.ended_at is null or p.ended_at > to_timestamp($2::float8 / 1000)))`,
    [ids, before],
  );
  return rows.map(({ id }) => id);
}

/** The conversation is gone: the next attempt begins a new one. False: its issue has work under way again, so that it is to stay. */
export async function forgetConversation(db: Queryable, id: string): Promise<boolean> {
  const { rows } = await db.query(
    `with busy as (
       select from cyrus.conversation c join cyrus.plan p on p.issue_id = c.issue_id where c.id = $1 and p.ended_at is null),
     forgotten as (update cyrus.conversation set started = false where id = $1 and not exists (select from busy) returning id)
     select from (select 1) one where not exists (select from busy)`,
    [id],
  );
  return rows.length > 0;
}

/** When this database was made, in epoch milliseconds. */
export async function bornAt(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ at: number | null }>(
    'select extract(epoch from min(applied_at))::float8 * 1000 as at from cyrus.schema_migration',
  );
  return rows[0]?.at ?? Number.POSITIVE_INFINITY;
}
