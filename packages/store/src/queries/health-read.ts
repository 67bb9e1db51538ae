import type { Queryable } from '../pool.ts';

/** What tells whether webhooks arrive, writes leave and entities move. Times are epoch milliseconds. */
export interface Health {
  readonly webhooks: { readonly count: number; readonly lastAt: number | null };
  /** Of the last day, by reason. */
  readonly refused: { readonly reasons: Readonly<Record<string, number>>; readonly lastAt: number | null };
  /** Writes the outside did not accept in the last day. */
  readonly rejected: { readonly count: number; readonly last: string | null };
  /** Writes that have waited for more than ten minutes. */
  readonly overdue: readonly {
    readonly credential: string;
    readonly count: number;
    readonly oldestAt: number;
    readonly trouble: string | null;
  }[];
  /** Credentials whose last word was that they are refused. */
  readonly refusedCredentials: readonly { readonly credential: string; readonly message: string | null; readonly at: number }[];
  readonly parked: readonly { readonly identifier: string; readonly reason: string | null; readonly until: number | null }[];
  readonly openQuestions: number;
  readonly connections: { readonly used: number; readonly max: number };
}

/** One read, for whoever looks after the service. */
export async function readHealth(db: Queryable): Promise<Health> {
  const { rows } = await db.query<{ health: Health }>(
    `with day as (select clock_timestamp() - interval '1 day' as ago),
     refusal as (select payload, at from cyrus.event, day where type = 'webhook_refused' and at > ago),
     credential as (
       select distinct on (payload ->> 'credential') payload ->> 'credential' as name, type, payload, at
         from cyrus.event where type in ('credential_failed', 'credential_recovered') order by payload ->> 'credential', id desc
     ),
     rejected as (select failure, coalesce(sent_at, created_at) as at from cyrus.outbound_write, day where state = 'rejected' and created_at > ago)
     select json_build_object(
       'webhooks', (select json_build_object('count', count(*), 'lastAt', floor(extract(epoch from max(received_at)) * 1000))
          from cyrus.inbox where source = 'linear'),
       'refused', json_build_object(
          'reasons', (select coalesce(json_object_agg(reason, n), '{}') from (
             select key as reason, sum(value::int) as n from refusal, jsonb_each_text(payload -> 'reasons') group by key) r),
          'lastAt', (select floor(extract(epoch from max(at)) * 1000) from refusal)),
       'rejected', json_build_object('count', (select count(*) from rejected),
          'last', (select failure ->> 'message' from rejected order by at desc limit 1)),
       'overdue', (select coalesce(json_agg(json_build_object('credential', credential, 'count', n, 'oldestAt', floor(extract(epoch from oldest) * 1000), 'trouble', trouble)), '[]')
          from (select credential, count(*) as n, min(created_at) as oldest, max(failure ->> 'message') as trouble from cyrus.outbound_write
             where state in ('queued', 'sending') and created_at < clock_timestamp() - interval '10 minutes' group by credential) o),
       'refusedCredentials', (select coalesce(json_agg(json_build_object('credential', name, 'message', payload -> 'failure' ->> 'message',
          'at', floor(extract(epoch from at) * 1000))), '[]') from credential where type = 'credential_failed'),
       'parked', (select coalesce(json_agg(json_build_object('identifier', i.identifier, 'reason', p.parked_reason, 'until', floor(extract(epoch from p.parked_until) * 1000))), '[]')
          from cyrus.plan p join cyrus.issue i on i.id = p.issue_id where p.state = 'parked'),
       'openQuestions', (select count(*) from cyrus.question where state = 'open'),
       'connections', json_build_object('used', (select count(*) from pg_stat_activity where backend_type = 'client backend'),
          'max', current_setting('max_connections')::int)) as health`,
  );
  const [row] = rows;
  if (!row) throw new Error('the database answered with no row');
  return row.health;
}
