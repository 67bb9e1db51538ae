import { type BudgetScope, budgetName } from 'cyrus-core/budget';
import { formatUsd, type MicroUsd } from 'cyrus-core/money';

/** Percent of a budget that are told of. */
export const alertShares = [50, 80, 100] as const;

export interface AlertState {
  readonly scope: BudgetScope;
  readonly limit: MicroUsd | null;
  readonly spent: MicroUsd;
  /** The highest share that was told of; 0: none. */
  readonly told: number;
}

/** What is to be told of a budget; `told`: what has been told then. A limit that was raised is told of anew. Pure. */
export function decideAlert({ limit, spent, told }: Omit<AlertState, 'scope'>): { readonly told: number; readonly alert: number | null } {
  // Where nothing may be spent there is nothing to warn of, until something was spent all the same.
  if (limit === null || spent <= 0) return { told: 0, alert: null };
  const reached = alertShares.findLast((share) => spent * 100 >= limit * share) ?? 0;
  return { told: reached, alert: reached > told ? reached : null };
}

/** For people: `80 % of today's budget is spent: $40.12 of $50.00.` */
export function alertText(
  alert: number,
  { scope, limit, spent }: Pick<AlertState, 'scope' | 'limit' | 'spent'>,
  about: string | null,
): string {
  const what = `${budgetName(scope)}${about === null ? '' : ` (${about})`}`;
  const amounts = `${formatUsd(spent)} of ${formatUsd(limit ?? 0)}`;
  if (alert < 100) return `${alert} % of ${what} is spent: ${amounts}.`;
  return `${what[0]?.toUpperCase()}${what.slice(1)} is used up: ${amounts}. Work that needs more waits or asks.`;
}
