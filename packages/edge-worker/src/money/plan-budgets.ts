import type { BudgetPlace, BudgetRules, BudgetState } from 'cyrus-core/budget';
import type { Config } from 'cyrus-core/config/schema';
import type { Input } from 'cyrus-core/domain/effects';
import type { Attempt, Plan } from 'cyrus-core/domain/plan';
import type { Tx } from 'cyrus-store/pool';
import { readBudgets } from 'cyrus-store/queries/budget-load';
import { findReservation } from 'cyrus-store/queries/reservation-find';
import { billingOf } from './budget-rules.ts';

/** The budgets a plan's work counts for, where one of its inputs is about money; else none. */
export async function planBudgets(
  tx: Tx,
  rules: BudgetRules,
  config: Config,
  plan: {
    readonly plan: Plan;
    readonly task: { readonly id: string } | null;
    readonly attempts: readonly Attempt[];
    readonly inputs: readonly Input[];
  },
): Promise<readonly BudgetState[]> {
  if (!plan.task || !plan.inputs.some(isAboutMoney)) return [];
  const finished = plan.inputs.some((input) => input.kind === 'attempt_finished');
  const attempt = finished ? plan.attempts.at(-1) : undefined;
  const payer = attempt ? { executorId: attempt.executorId, billing: billingOf(config, attempt.executorId) } : payerOf(plan.inputs);
  const { issueId, repositoryId } = plan.plan;
  const place = { taskId: plan.task.id, issueId, repositoryId, ...payer };
  const reservation = attempt && (await findReservation(tx, attempt.id));
  const book = await readBudgets(tx, rules, [place]);
  return book.states(place, attempt && reservation ? { attemptId: attempt.id, charged: reservation.charged } : undefined);
}

/** Whose money a start waits for, by what it was told: the executor that cannot be paid need not be the one of the configuration. */
function payerOf(inputs: readonly Input[]): Pick<BudgetPlace, 'executorId' | 'billing'> {
  const [, scope, , executorId = ''] = String(inputs.findLast(isAboutMoney)?.payload['key']).split(':');
  return scope === 'credit' ? { executorId, billing: 'credit' } : { executorId: '', billing: 'list' };
}

function isAboutMoney({ kind, payload }: Input): boolean {
  if (kind === 'waiting') return String(payload['key']).startsWith('budget:');
  return kind === 'attempt_finished' && (payload['failure'] as { class?: string } | null)?.class === 'budget_exceeded';
}
