import { type BudgetRules, leftIn } from 'cyrus-core/budget';
import type { Config } from 'cyrus-core/config/schema';
import type { Attempt, Plan } from 'cyrus-core/domain/plan';
import type { MicroUsd } from 'cyrus-core/money';
import type { Tx } from 'cyrus-store/pool';
import { readBudgets } from 'cyrus-store/queries/budget-load';
import { findReservation } from 'cyrus-store/queries/reservation-find';
import { isMetered } from './budget-rules.ts';

/**
 * What the agent itself is told to stop at; undefined: nothing limits it. Where each of its calls is held to the book that is only
 * the limit of its own work; elsewhere it is what was reserved: nobody would notice more.
 */
export async function attemptAllowance(
  tx: Tx,
  rules: BudgetRules,
  config: Config,
  { attempt, plan }: { readonly attempt: Attempt; readonly plan: Plan },
): Promise<MicroUsd | undefined> {
  // A start without an answer is asked for again, with the same limit.
  if (attempt.state !== 'reserved' && attempt.state !== 'starting' && attempt.state !== 'start_unknown') return undefined;
  const reservation = await findReservation(tx, attempt.id);
  if (!reservation || reservation.billing === 'included') return undefined;
  const { taskId, executorId } = attempt;
  const place = { taskId, issueId: plan.issueId, repositoryId: plan.repositoryId, executorId, billing: reservation.billing };
  const book = await readBudgets(tx, rules, [place]);
  const limited = book.states(place, { attemptId: attempt.id, charged: reservation.charged }).filter(({ limit }) => limit !== null);
  if (!isMetered(config, executorId)) return limited.length === 0 ? undefined : reservation.cost;
  const own = limited.flatMap((state) =>
    state.scope === 'task' || state.scope === 'issue' || state.scope === 'attempt' ? [leftIn(state) ?? 0] : [],
  );
  return own.length === 0 ? undefined : Math.max(0, Math.min(...own));
}
