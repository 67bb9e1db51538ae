import { type BudgetKey, budgetScopes } from 'cyrus-core/budget';
import type { MicroUsd } from 'cyrus-core/money';
import type { Tx } from '../pool.ts';

export type BudgetDelta = BudgetKey & { readonly amount: MicroUsd };

/** In the order in which rows of budgets are locked, by whoever locks several: that way nobody waits in a circle. */
const inLockOrder = (a: BudgetKey, b: BudgetKey): number =>
  budgetScopes.indexOf(a.scope) - budgetScopes.indexOf(b.scope) || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);

/** Adds to what budgets have spent, and locks their rows until the end of the transaction: after it, only conditions of executors are locked. */
export async function addToBudgets(tx: Tx, deltas: readonly BudgetDelta[]): Promise<void> {
  const sums = new Map<string, BudgetDelta>();
  for (const delta of deltas) {
    const name = `${delta.scope} ${delta.key}`;
    sums.set(name, { ...delta, amount: (sums.get(name)?.amount ?? 0) + delta.amount });
  }
  const rows = [...sums.values()].filter(({ amount }) => amount !== 0).sort(inLockOrder);
  if (rows.length === 0) return;
  await tx.query(
    `insert into cyrus.budget as b (scope, key, spent, changed)
     select scope, key, amount, true from unnest($1::text[], $2::text[], $3::bigint[]) with ordinality as d(scope, key, amount, n) order by n
     on conflict (scope, key) do update set spent = b.spent + excluded.spent, changed = true`,
    [rows.map((row) => row.scope), rows.map((row) => row.key), rows.map((row) => row.amount)],
  );
}
