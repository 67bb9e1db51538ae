import type { BudgetRules } from 'cyrus-core/budget';
import type { Config } from 'cyrus-core/config/schema';
import type { Tx } from 'cyrus-store/pool';
import { lockBudgets } from 'cyrus-store/queries/budget-load';
import type { DispatchMoney } from 'cyrus-task-orchestrator/dispatch-money';
import { billingOf, isMetered } from './budget-rules.ts';

interface TaskOfMoney {
  readonly taskId: string;
  readonly issueId: string;
  readonly repositoryId: string;
}

/** The budgets of ready tasks, locked until their attempts are stored with what they reserve. Nothing ready: nothing is locked. */
export async function dispatchMoney(
  tx: Tx,
  rules: BudgetRules,
  config: Config,
  ready: readonly TaskOfMoney[],
  executors: readonly { readonly id: string }[],
): Promise<DispatchMoney> {
  const ways = executors.map(({ id }) => ({ executorId: id, billing: billingOf(config, id) }));
  // One place for each credit, besides those of the tasks.
  const credits = ready
    .slice(0, 1)
    .flatMap((task) => ways.filter(({ billing }) => billing === 'credit').map((way) => ({ ...task, ...way })));
  const listed = ways.find(({ billing }) => billing === 'list');
  const places = [...credits, ...(listed ? ready.map((task) => ({ ...task, ...listed })) : [])];
  const billing = (executorId: string) => billingOf(config, executorId);
  const metered = (executorId: string): boolean => isMetered(config, executorId);
  if (places.length === 0) return { states: () => [], untouched: () => true, billing, metered };
  const book = await lockBudgets(tx, rules, places);
  return { states: (place) => book.states(place), untouched: (task) => book.untouched(task), billing, metered };
}
