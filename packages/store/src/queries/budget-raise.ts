import type { BudgetKey } from 'cyrus-core/budget';
import type { MicroUsd } from 'cyrus-core/money';
import type { Tx } from '../pool.ts';

export interface NewRaise extends BudgetKey {
  readonly id: string;
  readonly amount: MicroUsd;
  readonly by: string | null;
  readonly planId: string;
}

/** Stores what a person has added to a budget, once. */
export async function insertRaise(tx: Tx, raise: NewRaise): Promise<void> {
  await tx.query(
    `insert into cyrus.budget_raise (id, scope, key, amount, by_name, plan_id, at)
     values ($1, $2, $3, $4, $5, $6, coalesce($7::timestamptz, clock_timestamp())) on conflict (id) do nothing`,
    [raise.id, raise.scope, raise.key, raise.amount, raise.by, raise.planId, tx.manualNow()],
  );
}
