import type { OutboundDraft } from 'cyrus-core/domain/effects';
import { idOf } from 'cyrus-core/ids';
import type { Tx } from '../pool.ts';

/**
 * Queues writes to the outside, in the order given, and wakes their brokers at commit. A key that is already there is
 * left as it is, whatever became of it: the same decision made twice is one write.
 */
export async function insertWrites(tx: Tx, drafts: readonly OutboundDraft[]): Promise<void> {
  if (drafts.length === 0) return;
  const rows = drafts.map((draft, n) => ({ ...draft, id: idOf(draft.key), n }));
  tx.send(
    `with draft as (
       select * from jsonb_to_recordset($1::jsonb) as d(
         id uuid, key text, credential text, lane text, priority int, kind text, payload jsonb, closing boolean,
         "sessionId" text, "turnId" text, "planId" text, notify text, n int)
     ),
     added as (
       insert into cyrus.outbound_write
         (id, key, credential, lane, priority, kind, payload, closing, session_id, turn_id, plan_id, notify, created_at)
       select id, key, credential, lane, priority, kind, payload, coalesce(closing, false),
         "sessionId", "turnId", "planId", notify, coalesce($2::timestamptz, clock_timestamp())
       from draft order by n
       on conflict do nothing
       returning credential
     )
     select pg_notify('outbound', credential) from (select distinct credential from added) c`,
    [JSON.stringify(rows), tx.manualNow()],
  );
}
