import type { Calendar } from 'cyrus-core/calendar';
import type { Tx } from '../pool.ts';
import { bookCharges, type NewCharge } from './charge-book.ts';

/**
 * Closes the books of an attempt that has ended, once, however often it is asked to: calls whose use was never told are charged with
 * their worst case, a run of which nobody tells a cost with what is assumed of it, and what is left of the reservation is given back.
 */
export async function releaseReservation(tx: Tx, calendar: Calendar, attemptId: string): Promise<void> {
  await tx.query('select from cyrus.attempt where id = $1 for update', [attemptId]);
  const { rows } = await tx.query<{ executorId: string; estimate: number | null }>(
    `update cyrus.reservation set released_at = coalesce($2::timestamptz, clock_timestamp()), intended = 0
     where attempt_id = $1 and released_at is null returning executor_id as "executorId", estimate`,
    [attemptId, tx.manualNow()],
  );
  const reservation = rows[0];
  const { rows: open } = await tx.query<{ callId: string; model: string; worstCase: number | null; at: number }>(
    `update cyrus.call_intent set settled_at = coalesce($2::timestamptz, clock_timestamp()) where attempt_id = $1 and settled_at is null
     returning call_id as "callId", model, worst_case as "worstCase", at`,
    [attemptId, tx.manualNow()],
  );
  await bookCharges(
    tx,
    calendar,
    attemptId,
    open.map(({ callId, model, worstCase, at }) => ({
      ...without(callId, model),
      at,
      price: worstCase,
      trust: 'gateway' as const,
      worstCase: true,
    })),
  );
  if (reservation && reservation.estimate !== null && (await ranWithoutPrice(tx, attemptId)))
    await bookCharges(tx, calendar, attemptId, [
      { ...without(`estimate:${attemptId}`, reservation.executorId), price: reservation.estimate, trust: 'estimated' },
    ]);
}

function without(callId: string, model: string): Omit<NewCharge, 'price' | 'trust'> {
  const none = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 };
  return { seq: null, callId, model, ...none, prices: null };
}

/** It ran, or may have run, and no priced charge of it counts. A start that was certainly refused has cost nothing. */
async function ranWithoutPrice(tx: Tx, attemptId: string): Promise<boolean> {
  const { rows } = await tx.query<{ charge: boolean }>(
    `select (a.started_at is not null or a.run_ref is not null or exists (
         select from cyrus.host_job j where j.attempt_id = a.id and j.kind = 'agent' and j.started_at is not null
           and (j.state <> 'failed' or coalesce((j.failure ->> 'ambiguous')::boolean, false))))
       and not exists (select from cyrus.charge c where c.attempt_id = a.id and c.price is not null and not c.superseded) as charge
     from cyrus.attempt a where a.id = $1`,
    [attemptId],
  );
  return rows[0]?.charge ?? false;
}
