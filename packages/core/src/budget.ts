import type { Calendar } from './calendar.ts';
import type { Instant } from './clock.ts';
import type { MicroUsd } from './money.ts';

/**
 * What a budget is for. `credit`: what a login may use in a month without anything being charged. The order is that in which
 * their rows are locked.
 */
export const budgetScopes = ['month', 'day', 'repository', 'issue', 'task', 'attempt', 'credit'] as const;
export type BudgetScope = (typeof budgetScopes)[number];

/** How the use of a login is paid for. `included`: by a subscription; `credit`: out of a monthly credit. */
export type Billing = 'list' | 'included' | 'credit';

/** Whose word on a cost counts; the later in this list wins over the earlier. */
export const trusts = ['estimated', 'agent', 'gateway', 'provider'] as const;
export type Trust = (typeof trusts)[number];

/** Null: no limit. */
export type BudgetLimits = Readonly<Record<BudgetScope, MicroUsd | null>>;

/** How the budgets stand in the configuration. */
export interface BudgetRules {
  readonly calendar: Calendar;
  /** The limits for work in a repository on an executor. */
  limits(repositoryId: string, executorId: string): BudgetLimits;
}

/** Names one budget: of a period where it has one. */
export interface BudgetKey {
  readonly scope: BudgetScope;
  readonly key: string;
}

/** One budget at one moment. */
export interface BudgetState extends BudgetKey {
  /** With what people have added; null: no limit. */
  readonly limit: MicroUsd | null;
  /** Charged. */
  readonly spent: MicroUsd;
  /** Reserved for work under way and not charged yet. */
  readonly held: MicroUsd;
  /** When it begins anew; null: never. */
  readonly endsAt: Instant | null;
}

/** Whose money it is: what a budget can be found by. */
export interface BudgetPlace {
  readonly taskId: string;
  readonly issueId: string;
  readonly repositoryId: string;
  readonly executorId: string;
  readonly billing: Billing;
}

/** The budgets that work at `place` counts for at `now`, in the order their rows are locked in. */
export function budgetKeys(
  place: BudgetPlace,
  calendar: Calendar,
  now: Instant,
): readonly (BudgetKey & { readonly endsAt: Instant | null })[] {
  if (place.billing === 'included') return [];
  const month = calendar.month(now);
  if (place.billing === 'credit') return [{ scope: 'credit', key: `${month.key}:${place.executorId}`, endsAt: month.end }];
  const day = calendar.day(now);
  return [
    { scope: 'month', key: month.key, endsAt: month.end },
    { scope: 'day', key: day.key, endsAt: day.end },
    { scope: 'repository', key: `${month.key}:${place.repositoryId}`, endsAt: month.end },
    { scope: 'issue', key: place.issueId, endsAt: null },
    { scope: 'task', key: place.taskId, endsAt: null },
    // What is added for one attempt holds for the later ones of its task.
    { scope: 'attempt', key: place.taskId, endsAt: null },
  ];
}

/** What may still be spent; null: as much as one likes. Below 0 where a limit was lowered, or a price was a guess. */
export function leftIn({ limit, spent, held }: BudgetState): MicroUsd | null {
  return limit === null ? null : limit - spent - held;
}

/** The budget with the least left; undefined: none of them has a limit. */
export function tightest(states: readonly BudgetState[]): BudgetState | undefined {
  let found: { readonly state: BudgetState; readonly left: MicroUsd } | undefined;
  for (const state of states) {
    const left = leftIn(state);
    if (left !== null && (found === undefined || left < found.left)) found = { state, left };
  }
  return found?.state;
}

const names: Readonly<Record<BudgetScope, string>> = {
  month: "this month's budget",
  day: "today's budget",
  repository: 'the budget of this repository for this month',
  issue: 'the budget of this issue',
  task: 'the budget of this task',
  attempt: 'the budget of one attempt',
  credit: 'the credit of this month',
};

/** For a sentence: `today's budget`. */
export function budgetName(scope: BudgetScope): string {
  return names[scope];
}
