import { type Queryable, toTimestamp } from '../pool.ts';

/** What is deleted once it is over for long enough. Money, plans, tasks, attempts and what people said stay. */
export type Retired = 'arrivals' | 'messages' | 'writes' | 'jobs' | 'events' | 'calls' | 'analyses';

/**
 * One batch each. A row goes when it is over and nothing that is still under way may ask for it: a write whose plan lives keeps its
 * key, so that the same decision is not sent again; `$1` is the time before which it has to be over, `$2` how many go at once.
 */
const statements: Readonly<Record<Retired, string>> = {
  // The row that tells how far the tracker was looked at is no arrival.
  arrivals: `delete from cyrus.inbox where id = any (array (
    select id from cyrus.inbox where received_at < $1::timestamptz and source <> 'reconciler' order by received_at limit $2))`,
  messages: `delete from cyrus.input where seq = any (array (
    select seq from cyrus.input where read_at < $1::timestamptz order by read_at limit $2))`,
  writes: `delete from cyrus.outbound_write where id = any (array (
    select w.id from cyrus.outbound_write w
    where w.state in ('sent', 'rejected', 'cancelled') and coalesce(w.sent_at, w.created_at) < $1::timestamptz
      and not exists (select from cyrus.plan p where p.id = w.plan_id and p.state not in ('done', 'failed', 'stopped'))
      and not exists (select from cyrus.turn t where t.id = w.turn_id and t.state = 'open')
    limit $2 for update of w skip locked))`,
  jobs: `with old as (
      select j.id from cyrus.host_job j
      where j.state not in ('queued', 'running') and j.ended_at < $1::timestamptz
        and not exists (select from cyrus.plan p where p.id = j.plan_id and p.state not in ('done', 'failed', 'stopped'))
      limit $2 for update of j skip locked),
    told as (delete from cyrus.job_message m using old where m.job_id = old.id)
    delete from cyrus.host_job j using old where j.id = old.id`,
  events: `delete from cyrus.event where id = any (array (
    select e.id from cyrus.event e
    where e.at < $1::timestamptz and e.number is not null
      and not exists (select from cyrus.plan p where p.id = e.plan_id
        and (p.state not in ('done', 'failed', 'stopped') or p.ended_at >= $1::timestamptz))
    order by e.id limit $2))`,
  // Their charges stay.
  calls: `delete from cyrus.call_intent where call_id = any (array (
    select call_id from cyrus.call_intent where at < $1::timestamptz and settled_at < $1::timestamptz order by at limit $2))`,
  // What they said is kept with the task. The same text would be asked about anew.
  analyses: `delete from cyrus.task_analysis where content_hash = any (array (
    select content_hash from cyrus.task_analysis where at < $1::timestamptz limit $2))`,
};

/** Deletes at most `limit` rows that were over before `before` (epoch milliseconds). Resolves with how many. */
export async function retireRows(db: Queryable, what: Retired, before: number, limit: number): Promise<number> {
  const { rowCount } = await db.query(statements[what], [toTimestamp(before), limit]);
  return rowCount;
}
