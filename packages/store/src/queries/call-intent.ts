import type { BudgetPlace } from 'cyrus-core/budget';
import type { MicroUsd } from 'cyrus-core/money';
import type { CallIntent, CallUsage } from 'cyrus-core/ports/ledger';
import type { Database, Tx } from '../pool.ts';
import type { Booked } from './charge-book.ts';

/** What an attempt may spend on calls, and what of it is gone. */
export interface AccountOfCalls extends BudgetPlace {
  readonly attemptId: string;
  readonly reserved: MicroUsd;
  readonly charged: MicroUsd;
  readonly intended: MicroUsd;
  readonly released: boolean;
}

/** Locks what an attempt has reserved, so that its calls are granted one after the other. */
export async function lockCalls(tx: Tx, attemptId: string): Promise<AccountOfCalls | undefined> {
  const { rows } = await tx.query<AccountOfCalls>(
    `select r.attempt_id as "attemptId", r.cost as reserved, r.charged, r.intended, r.billing, r.released_at is not null as released,
       r.executor_id as "executorId", a.task_id as "taskId", p.issue_id as "issueId", p.repository_id as "repositoryId"
     from cyrus.reservation r join cyrus.attempt a on a.id = r.attempt_id join cyrus.plan p on p.id = a.plan_id
     where r.attempt_id = $1 for update of r`,
    [attemptId],
  );
  return rows[0];
}

export async function findIntent(tx: Tx, callId: string): Promise<{ readonly attemptId: string } | undefined> {
  const { rows } = await tx.query<{ attemptId: string }>('select attempt_id as "attemptId" from cyrus.call_intent where call_id = $1', [
    callId,
  ]);
  return rows[0];
}

/** Writes a call down. From now on this attempt's charges are those of the calls themselves. */
export async function insertIntent(tx: Tx, intent: CallIntent): Promise<void> {
  await tx.query(
    `insert into cyrus.call_intent (call_id, attempt_id, model, worst_case, at) values ($1, $2, $3, $4, coalesce($5::timestamptz, clock_timestamp()))`,
    [intent.callId, intent.attemptId, intent.model, intent.worstCase, tx.manualNow()],
  );
  await tx.query(
    `update cyrus.reservation set intended = intended + case when billing = 'included' then 0 else $2 end, trust = coalesce(trust, 'gateway')
     where attempt_id = $1`,
    [intent.attemptId, intent.worstCase ?? 0],
  );
}

/**
 * Writes a call down in one statement where what its attempt holds is enough for it, which is the case of nearly every call: an agent waits for
 * this. False: nothing was written; whether it may be made is to be looked at in full.
 */
export async function intendWithin(db: Database, intent: CallIntent): Promise<boolean> {
  const { rowCount } = await db.query(
    `with account as (
       select attempt_id from cyrus.reservation
       where attempt_id = $1 and released_at is null
         and (billing = 'included' or ($4::bigint is not null and charged + intended + $4::bigint <= cost)) for update),
     added as (
       insert into cyrus.call_intent (call_id, attempt_id, model, worst_case, at)
       select $2, attempt_id, $3, $4::bigint, coalesce($5::timestamptz, clock_timestamp()) from account
       on conflict (call_id) do nothing returning attempt_id)
     update cyrus.reservation r
     set intended = r.intended + case when r.billing = 'included' then 0 else $4::bigint end, trust = coalesce(r.trust, 'gateway')
     from added where r.attempt_id = added.attempt_id`,
    [intent.attemptId, intent.callId, intent.model, intent.worstCase, db.manualNow()],
  );
  return rowCount > 0;
}

/** Lets an attempt have at least `amount` in all. */
export async function topUp(tx: Tx, attemptId: string, amount: MicroUsd): Promise<void> {
  await tx.query('update cyrus.reservation set cost = greatest(cost, $2) where attempt_id = $1', [attemptId, amount]);
}

/** Takes a call off what is under way. False: it was before. */
export async function markSettled(tx: Tx, callId: string): Promise<boolean> {
  const { rowCount } = await tx.query(
    `with settled as (
       update cyrus.call_intent set settled_at = coalesce($2::timestamptz, clock_timestamp()) where call_id = $1 and settled_at is null
       returning attempt_id, worst_case)
     update cyrus.reservation r set intended = greatest(0, intended - case when r.billing = 'included' then 0 else coalesce(s.worst_case, 0) end)
     from settled s where r.attempt_id = s.attempt_id`,
    [callId, tx.manualNow()],
  );
  return rowCount > 0;
}

/** Puts what a call really used in the place of its worst case. Undefined: it was not charged so. */
export async function worstCaseOf(tx: Tx, callId: string, usage: CallUsage | null): Promise<Booked | undefined> {
  const price = usage ? usage.cost : 0;
  const { rows } = await tx.query<{ day: string | null; before: number | null; superseded: boolean }>(
    `with old as (select id, price, superseded, booked_day from cyrus.charge where call_id = $1 and worst_case for update)
     update cyrus.charge c set worst_case = false, late = true, price = $2::bigint, prices = $3, input_tokens = $4, output_tokens = $5,
       cache_read_tokens = $6, cache_write_tokens = $7,
       cost = case when c.superseded or c.billing <> 'list' then 0 else $2::bigint end
     from old where c.id = old.id returning old.booked_day as day, old.price as before, old.superseded`,
    [
      callId,
      price,
      usage?.prices ?? null,
      usage?.inputTokens ?? 0,
      usage?.outputTokens ?? 0,
      usage?.cacheReadTokens ?? 0,
      usage?.cacheWriteTokens ?? 0,
    ],
  );
  const row = rows[0];
  if (!row) return undefined;
  return { day: row.day, amount: row.superseded ? 0 : (price ?? 0) - (row.before ?? 0) };
}
