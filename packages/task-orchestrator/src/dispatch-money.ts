import type { Instant } from 'cyrus-core/clock';
import { formatUsd, type MicroUsd } from 'cyrus-core/money';
import type { Affordable } from './choose-executor.ts';
import type { ExecutorFacts } from './executor-facts.ts';

/** What may be spent, and what is spent or held. */
export interface DispatchMoney {
  readonly day: { readonly spent: MicroUsd; readonly reserved: MicroUsd; readonly limit: MicroUsd | null; readonly endsAt: Instant };
  readonly maxCostPerTask: MicroUsd | null;
}

/** Money while a decision is made: what its assignments hold counts at once. */
export interface Purse {
  /** Whether an attempt of a task that has cost `spent` could be paid there, and what it would hold. */
  affordable(task: { readonly spent: MicroUsd }, executor: Pick<ExecutorFacts, 'included'>): Affordable;
  hold(cost: MicroUsd): void;
}

export function openPurse({ day, maxCostPerTask }: DispatchMoney): Purse {
  let { reserved } = day;
  return {
    affordable({ spent }, { included }) {
      if (included) return { affordable: true, cost: 0 };
      const cost = maxCostPerTask === null ? 0 : Math.max(0, maxCostPerTask - spent);
      if (maxCostPerTask !== null && cost === 0) {
        const reason = `Waiting: this task has used its ${formatUsd(maxCostPerTask)}. Raise limits.maxCostPerTaskUsd, or stop it here.`;
        return { affordable: false, key: 'task-budget', why: `the task has used its ${formatUsd(maxCostPerTask)}`, reason, until: null };
      }
      if (day.limit !== null && day.spent + reserved + cost > day.limit) {
        const reason = `Waiting: today's limit of ${formatUsd(day.limit)} is used or reserved. It goes on tomorrow, or when limits.maxCostPerDayUsd is raised.`;
        return {
          affordable: false,
          key: 'day-budget',
          why: `today's ${formatUsd(day.limit)} are used or reserved`,
          reason,
          until: day.endsAt,
        };
      }
      return { affordable: true, cost };
    },
    hold(cost) {
      reserved += cost;
    },
  };
}
