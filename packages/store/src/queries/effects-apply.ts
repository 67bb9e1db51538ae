import type { Effects } from 'cyrus-core/domain/effects';
import { idOf } from 'cyrus-core/ids';
import { type Tx, toTimestamp } from '../pool.ts';
import { wake } from '../wake.ts';
import { insertWrites } from './outbound-insert.ts';

/**
 * Writes what a decision wants done, in its own transaction. Keys that are there already stay as they are. The statements leave
 * together, and are carried out in this order.
 */
export async function applyEffects(tx: Tx, effects: Effects): Promise<void> {
  await insertWrites(tx, effects.writes);
  if (effects.jobs.length > 0)
    tx.send(
      `with draft as (
         select * from jsonb_to_recordset($1::jsonb) as d(id text, kind text, notify text, "sessionId" text, "planId" text, "taskId" text, "attemptId" text, payload jsonb)
       ), added as (
         insert into cyrus.host_job (id, kind, notify, session_id, plan_id, task_id, attempt_id, payload, created_at)
         select id, kind, notify, "sessionId", "planId", "taskId", "attemptId", payload, coalesce($2::timestamptz, clock_timestamp()) from draft
         on conflict (id) do nothing
       )
       select pg_notify('host', '')`,
      [JSON.stringify(effects.jobs.map((job) => ({ ...job, id: idOf(job.key) }))), tx.manualNow()],
    );
  if (effects.tells.length > 0) {
    tx.send(
      `insert into cyrus.input (entity, kind, payload)
       select entity, kind, payload from rows from (jsonb_to_recordset($1::jsonb) as (entity text, kind text, payload jsonb)) with ordinality as t(entity, kind, payload, n) order by n`,
      [JSON.stringify(effects.tells)],
    );
    await wake(tx, [...new Set(effects.tells.map((tell) => tell.entity))]);
  }
  if (effects.events.length > 0)
    tx.send(
      `insert into cyrus.event (type, session_id, plan_id, task_id, attempt_id, payload)
       select type, "sessionId", "planId", "taskId", "attemptId", payload
       from rows from (jsonb_to_recordset($1::jsonb) as (type text, "sessionId" text, "planId" text, "taskId" text, "attemptId" text, payload jsonb))
         with ordinality as e(type, "sessionId", "planId", "taskId", "attemptId", payload, n) order by n`,
      [JSON.stringify(effects.events)],
    );
  for (const later of effects.wakes) wakeLater(tx, later.entity, later.at);
}

/** Makes an entity due at `at`, unless it will be woken before that anyway: the earlier advance decides again. */
function wakeLater(tx: Tx, entity: string, at: number): void {
  tx.send(
    'insert into cyrus.due (id, at) select $1, $2::timestamptz where not exists (select from cyrus.due where id = $1 and at <= $2::timestamptz)',
    [entity, toTimestamp(at)],
  );
}
