import type { Instant } from 'cyrus-core/clock';
import { formatUsd, type MicroUsd } from 'cyrus-core/money';

export interface ReadyTask {
  readonly taskId: string;
  readonly planId: string;
  readonly issueId: string;
  readonly repositoryId: string;
  /** The number the next attempt gets. */
  readonly number: number;
  readonly readySince: Instant;
  readonly notBefore: Instant | null;
  /** The executor asked for in the issue. */
  readonly agent: string | null;
  /** What the attempts of this task have cost. */
  readonly spent: MicroUsd;
  /** The last reason told for waiting, so that it is told once. */
  readonly waitingKey: string | null;
}

export interface ExecutorChoice {
  readonly id: string;
  readonly kind: 'local' | 'cloud';
}

export interface DispatchState {
  readonly ready: readonly ReadyTask[];
  readonly executors: readonly ExecutorChoice[];
  readonly defaultExecutor: string;
  readonly slots: { readonly total: number; readonly used: number };
  readonly memoryMb: { readonly total: number; readonly used: number };
  readonly memoryPerAttemptMb: number;
  readonly day: { readonly spent: MicroUsd; readonly reserved: MicroUsd; readonly limit: MicroUsd | null; readonly endsAt: Instant };
  readonly maxCostPerTask: MicroUsd | null;
  readonly draining: boolean;
}

export interface Assignment {
  readonly task: ReadyTask;
  readonly executorId: string;
  readonly reason: string;
  readonly alternatives: readonly { readonly executorId: string; readonly why: string }[];
  readonly cost: MicroUsd;
}

export interface Waiting {
  readonly task: ReadyTask;
  readonly key: string;
  readonly reason: string;
  readonly until: Instant | null;
}

export interface DispatchDecision {
  readonly assignments: readonly Assignment[];
  readonly waiting: readonly Waiting[];
}

/** Picks the next assignments, oldest first, within slots, memory and the day's money. Pure; run again at every finish. */
export function decideDispatch(state: DispatchState, now: Instant): DispatchDecision {
  const assignments: Assignment[] = [];
  const waiting: Waiting[] = [];
  let { used } = state.slots;
  let memory = state.memoryMb.used;
  let reserved = state.day.reserved;
  const queue = [...state.ready].sort((a, b) => a.readySince - b.readySince || (a.taskId < b.taskId ? -1 : 1));

  for (const task of queue) {
    const wait = (key: string, reason: string, until: Instant | null): void => {
      waiting.push({ task, key, reason, until });
    };
    if (task.notBefore !== null && task.notBefore > now) {
      wait('', '', task.notBefore);
      continue;
    }
    if (state.draining) {
      wait('draining', 'Waiting: the service is shutting down. The work goes on when it is back.', null);
      continue;
    }
    const wanted = task.agent ?? state.defaultExecutor;
    const executor = state.executors.find((candidate) => candidate.id === wanted) ?? state.executors[0];
    if (!executor) {
      wait('no-executor', 'Waiting: no executor is configured.', null);
      continue;
    }
    const cost = state.maxCostPerTask === null ? 0 : Math.max(0, state.maxCostPerTask - task.spent);
    if (state.maxCostPerTask !== null && cost === 0) {
      wait(
        'task-budget',
        `Waiting: this task has used its ${formatUsd(state.maxCostPerTask)}. Raise limits.maxCostPerTaskUsd, or stop it here.`,
        null,
      );
      continue;
    }
    const { limit } = state.day;
    if (limit !== null && state.day.spent + reserved + cost > limit) {
      const reason = `Waiting: today's limit of ${formatUsd(limit)} is used or reserved. It goes on tomorrow, or when limits.maxCostPerDayUsd is raised.`;
      wait('day-budget', reason, state.day.endsAt);
      continue;
    }
    if (used >= state.slots.total || memory + state.memoryPerAttemptMb > state.memoryMb.total) {
      const ahead = waiting.filter((other) => other.key === 'slots').length;
      const reason = `Queued: ${state.slots.total} ${state.slots.total === 1 ? 'agent runs' : 'agents run'} at once on this machine; ${ahead} ahead of this one.`;
      wait('slots', reason, null);
      continue;
    }
    used += 1;
    memory += state.memoryPerAttemptMb;
    reserved += cost;
    const why =
      task.agent && executor.id === task.agent
        ? 'asked for in the issue'
        : task.agent
          ? `[agent=${task.agent}] is not configured; the default is used`
          : state.executors.length === 1
            ? 'the only executor configured'
            : 'the default executor';
    const alternatives = state.executors
      .filter((other) => other.id !== executor.id)
      .map((other) => ({ executorId: other.id, why: 'not the default' }));
    assignments.push({ task, executorId: executor.id, reason: why, alternatives, cost });
  }
  return { assignments, waiting };
}
