import type { Failure } from 'cyrus-core/failure';
import type { Queryable } from '../pool.ts';
import { dueChannel } from '../wake.ts';

export type WriteSettlement =
  | { readonly state: 'sent'; readonly result: Readonly<Record<string, unknown>> }
  | { readonly state: 'rejected'; readonly failure: Failure };

/**
 * Ends a write that is under way, and tells and wakes the entity it was for, in one statement. Resolves with that entity; null where
 * there is none, or where the write is no longer under way.
 */
export async function settleWrite(db: Queryable, id: string, settlement: WriteSettlement): Promise<string | null> {
  const result = settlement.state === 'sent' ? JSON.stringify(settlement.result) : null;
  const failure = settlement.state === 'rejected' ? JSON.stringify(settlement.failure) : null;
  const { rows } = await db.query<{ notify: string | null }>(
    `with ended as (
       update cyrus.outbound_write
       set state = $2, result = $3::jsonb, failure = $4::jsonb, not_before = null,
           sent_at = case when $2 = 'sent' then coalesce($5::timestamptz, clock_timestamp()) end
       where id = $1 and state = 'sending'
       returning *
     ),
     told as (
       insert into cyrus.input (entity, kind, payload, at)
       select notify, 'write',
         jsonb_build_object('writeId', id, 'key', key, 'kind', kind, 'state', state, 'result', result, 'failure', failure),
         coalesce($5::timestamptz, clock_timestamp())
       from ended where notify is not null
     ),
     woken as (
       insert into cyrus.due (id, at)
       select notify, coalesce($5::timestamptz, clock_timestamp()) from ended where notify is not null
       returning pg_notify('${dueChannel}', '')
     )
     select notify, (select count(*) from woken) from ended`,
    [id, settlement.state, result, failure, db.manualNow()],
  );
  return rows[0]?.notify ?? null;
}
