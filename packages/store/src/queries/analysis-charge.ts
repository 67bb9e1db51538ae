import type { Billing, Trust } from 'cyrus-core/budget';
import type { MicroUsd } from 'cyrus-core/money';
import type { TokenCounts } from 'cyrus-core/prices';
import type { Tx } from '../pool.ts';

/** A look of a model at an issue, before it is made. */
export interface AnalysisCharge {
  readonly issueId: string;
  readonly model: string;
  /** What it costs at most. */
  readonly worstCase: MicroUsd;
  /** Name and version of the price list; null: it does not know the model. */
  readonly prices: string | null;
  readonly billing: Billing;
  /** `estimated`: the model has no known price. */
  readonly trust: Trust;
  /** The day it counts for: `2026-11-21`. */
  readonly day: string;
}

/** Charges a look with its worst case. Resolves with the charge's id. */
export async function chargeAnalysis(tx: Tx, charge: AnalysisCharge): Promise<number> {
  const { issueId, model, worstCase, prices, billing, trust, day } = charge;
  const { rows } = await tx.query<{ id: number }>(
    `insert into cyrus.charge (issue_id, model, cost, price, prices, billing, trust, worst_case, booked_day, at)
     values ($1, $2, case when $5 = 'list' then $3::bigint else 0 end, $3, $4, $5, $6, true, $7, coalesce($8::timestamptz, clock_timestamp()))
     returning id`,
    [issueId, model, worstCase, prices, billing, trust, day, tx.manualNow()],
  );
  if (!rows[0]) throw new Error('a charge was not stored');
  return rows[0].id;
}

/** Puts what the look really used in the place of its worst case. `price` null: nobody knows it, and the worst case stands. */
export async function settleAnalysisCharge(tx: Tx, id: number, used: TokenCounts, price: MicroUsd | null): Promise<void> {
  await tx.query(
    `update cyrus.charge set input_tokens = $2, output_tokens = $3, cache_read_tokens = $4, cache_write_tokens = $5,
       price = coalesce($6::bigint, price), cost = case when billing = 'list' then coalesce($6::bigint, cost) else 0 end,
       worst_case = $6::bigint is null
     where id = $1`,
    [id, used.inputTokens, used.outputTokens, used.cacheReadTokens, used.cacheWriteTokens, price],
  );
}

/** It was not made after all. */
export async function dropAnalysisCharge(tx: Tx, id: number): Promise<void> {
  await tx.query('delete from cyrus.charge where id = $1', [id]);
}
