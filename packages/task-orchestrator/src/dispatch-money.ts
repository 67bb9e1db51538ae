import { type Billing, type BudgetPlace, type BudgetState, budgetName, leftIn } from 'cyrus-core/budget';
import { formatUsd, type MicroUsd } from 'cyrus-core/money';
import { decideReservation } from './budget.ts';
import type { Affordable } from './choose-executor.ts';
import type { Estimate } from './estimate.ts';
import type { ExecutorFacts } from './executor-facts.ts';

/** What may be spent, and what is spent or held. */
export interface DispatchMoney {
  /** The budgets that work at a place counts for, as they were before this decision. */
  readonly states: (place: BudgetPlace) => readonly BudgetState[];
  /** True: nothing was ever spent, held or added for the task or its issue alone. */
  readonly untouched: (task: Pick<BudgetPlace, 'taskId' | 'issueId'>) => boolean;
  readonly billing: (executorId: string) => Billing;
  /** Each call of its attempts is held to what they reserve. */
  readonly metered: (executorId: string) => boolean;
}

type TaskOfMoney = Pick<BudgetPlace, 'taskId' | 'issueId' | 'repositoryId'>;
type ExecutorOfMoney = Pick<ExecutorFacts, 'id' | 'costPerRun' | 'included'>;

/** Money while a decision is made: what its assignments hold counts at once. */
export interface Purse {
  /** Whether an attempt of the task could be paid there, and what it would hold. */
  affordable(task: TaskOfMoney, executor: ExecutorOfMoney, estimate: Pick<Estimate, 'cost'>): Affordable;
  hold(task: TaskOfMoney, executor: ExecutorOfMoney, cost: MicroUsd): void;
  /** Tasks of one repository with the same answer find the same money. */
  likeness(task: TaskOfMoney): string;
}

/** What a waiting task's key begins with when only a new period, or a person, helps. */
export const usedUpKey = 'budget:';

export function openPurse(money: DispatchMoney): Purse {
  const held = new Map<string, MicroUsd>();
  /** Tasks and issues that something is held for. */
  const heldFor = new Set<string>();
  const ofItsOwn = (task: TaskOfMoney): boolean => heldFor.has(task.taskId) || heldFor.has(task.issueId) || !money.untouched(task);
  const nameOf = ({ scope, key }: Pick<BudgetState, 'scope' | 'key'>): string => `${scope} ${key}`;
  const placeOf = ({ taskId, issueId, repositoryId }: TaskOfMoney, { id }: ExecutorOfMoney): BudgetPlace => ({
    taskId,
    issueId,
    repositoryId,
    executorId: id,
    billing: money.billing(id),
  });
  const statesOf = (place: BudgetPlace): readonly BudgetState[] =>
    money.states(place).map((state) => ({ ...state, held: state.held + (held.get(nameOf(state)) ?? 0) }));
  /** By repository and executor: what all tasks find that nothing is known of, but for the names of their own budgets. */
  const shared = new Map<string, readonly BudgetState[]>();
  function sharedStates(place: BudgetPlace): readonly BudgetState[] {
    const name = `${place.repositoryId} ${place.executorId}`;
    const known = shared.get(name) ?? statesOf(place);
    shared.set(name, known);
    return known;
  }
  return {
    affordable(task, executor, estimate) {
      const place = placeOf(task, executor);
      if (executor.included) return { affordable: true, cost: 0 };
      const wish = { p90: estimate.cost.p90, perRun: executor.costPerRun, metered: money.metered(executor.id) };
      if (!ofItsOwn(task)) {
        const usual = decideReservation(wish, sharedStates(place));
        if (usual.granted) return { affordable: true, cost: usual.amount };
      }
      const reserved = decideReservation(wish, statesOf(place));
      if (reserved.granted) return { affordable: true, cost: reserved.amount };
      const { by, heldByOthers, until, need } = reserved;
      const budget = `${budgetName(by.scope)} of ${formatUsd(by.limit ?? 0)}`;
      if (heldByOthers) {
        const reason = `Queued: ${budget} is reserved for work under way. It goes on when that costs less than was reserved.`;
        return { affordable: false, key: `money:${by.scope}`, why: `${budget} is reserved for work under way`, reason, until: null };
      }
      const left = leftIn(by) ?? 0;
      const why = left > 0 ? `${budget} has ${formatUsd(left)} left, and this needs ${formatUsd(need)}` : `${budget} is used up`;
      return {
        affordable: false,
        key: `${usedUpKey}${by.scope}:${by.key}:${by.limit}:${need}`,
        why,
        reason: `Waiting: ${why} (${formatUsd(by.spent)} of it spent).`,
        until,
      };
    },
    likeness(task) {
      // Asked for every task that waits: nothing is made that is not needed.
      const { taskId, issueId, repositoryId } = task;
      if (!ofItsOwn(task)) return '';
      let like = '';
      for (const state of money.states({ taskId, issueId, repositoryId, executorId: '', billing: 'list' })) {
        if (state.scope !== 'issue' && state.scope !== 'task') continue;
        const left = leftIn(state);
        like += left === null ? ' ' : `${left - (held.size === 0 ? 0 : (held.get(nameOf(state)) ?? 0))} `;
      }
      return like;
    },
    hold(task, executor, cost) {
      heldFor.add(task.taskId).add(task.issueId);
      shared.clear();
      for (const state of money.states(placeOf(task, executor)))
        if (state.scope !== 'attempt') held.set(nameOf(state), (held.get(nameOf(state)) ?? 0) + cost);
    },
  };
}
