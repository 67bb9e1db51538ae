import type { Instant } from 'cyrus-core/clock';
import type { MicroUsd } from 'cyrus-core/money';
import { type Alternative, type ChoiceTask, chooseExecutor, type RepositoryFacts, type Room } from './choose-executor.ts';
import { type DispatchMoney, openPurse } from './dispatch-money.ts';
import type { Estimate } from './estimate.ts';
import type { ExecutorFacts } from './executor-facts.ts';
import type { Policy } from './strategy.ts';

export interface ReadyTask extends ChoiceTask {
  readonly taskId: string;
  readonly planId: string;
  readonly issueId: string;
  /** The number the next attempt gets. */
  readonly number: number;
  readonly readySince: Instant;
  readonly notBefore: Instant | null;
  /** What the attempts of this task have cost. */
  readonly spent: MicroUsd;
  /** The last reason told for waiting, so that it is told once. */
  readonly waitingKey: string | null;
}

/** Places that are taken, of how many; a cap of null is none. */
export interface Places {
  readonly used: number;
  readonly cap: number | null;
}

export interface DispatchRepository extends RepositoryFacts {
  readonly runs: Places;
}

export interface DispatchState {
  readonly ready: readonly ReadyTask[];
  /** In the order of the configuration. */
  readonly executors: readonly ExecutorFacts[];
  readonly policy: Policy;
  readonly repository: (id: string) => DispatchRepository;
  /** Agents on this machine are isolated from it. */
  readonly hostIsolated: boolean;
  /** Of this machine; runs in the cloud take none. */
  readonly slots: { readonly total: number; readonly used: number };
  readonly memoryMb: { readonly total: number; readonly used: number };
  readonly memoryPerAttemptMb: number;
  readonly money: DispatchMoney;
  readonly draining: boolean;
}

export interface Assignment {
  readonly task: ReadyTask;
  readonly executorId: string;
  /** Short: it is the first word to the tracker. */
  readonly reason: string;
  readonly strategy: string;
  /** This run finds out whether the executor works again. */
  readonly trial: boolean;
  readonly estimate: Estimate;
  readonly alternatives: readonly Alternative[];
  readonly slots: number;
  readonly memoryMb: number;
  readonly cost: MicroUsd;
}

export interface Waiting {
  readonly task: ReadyTask;
  /** Names the reason; empty: it waits for a time that was told already. */
  readonly key: string;
  readonly reason: string;
  readonly until: Instant | null;
}

export interface DispatchDecision {
  readonly assignments: readonly Assignment[];
  readonly waiting: readonly Waiting[];
}

/** Picks the next assignments, oldest first, within places, memory and money. Pure; run again at every finish. */
export function decideDispatch(state: DispatchState, now: Instant): DispatchDecision {
  const assignments: Assignment[] = [];
  const waiting: Waiting[] = [];
  const places = takenPlaces(state);
  const purse = openPurse(state.money);
  const queue = [...state.ready].sort((a, b) => a.readySince - b.readySince || (a.taskId < b.taskId ? -1 : 1));

  for (const task of queue) {
    const wait = (key: string, reason: string, until: Instant | null): void => {
      if (key) places.queued(key);
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
    const full = places.ofRepository(task.repositoryId);
    if (!full.free) {
      wait(full.key, full.reason, null);
      continue;
    }
    const choice = chooseExecutor(task, {
      now,
      executors: places.executors(),
      policy: state.policy,
      repository: state.repository(task.repositoryId),
      hostIsolated: state.hostIsolated,
      room: places.of,
      money: (executor) => purse.affordable(task, executor),
    });
    if (!choice.chosen) {
      wait(choice.key, choice.reason, choice.until);
      continue;
    }
    const { executor, reason, estimate, alternatives, cost } = choice;
    places.take(executor, task.repositoryId);
    purse.hold(cost);
    const held = executor.kind === 'local' ? { slots: 1, memoryMb: state.memoryPerAttemptMb } : { slots: 0, memoryMb: 0 };
    const trial = executor.condition.state === 'trying';
    const strategy = state.policy.name;
    assignments.push({ task, executorId: executor.id, reason, strategy, trial, estimate, alternatives, ...held, cost });
  }
  return { assignments, waiting };
}

/** Places while a decision is made: what its assignments take counts at once. */
interface TakenPlaces {
  executors(): readonly ExecutorFacts[];
  of(executor: ExecutorFacts): Room;
  ofRepository(id: string): Room;
  take(executor: ExecutorFacts, repositoryId: string): void;
  queued(key: string): void;
}

function takenPlaces(state: DispatchState): TakenPlaces {
  let { used } = state.slots;
  let memory = state.memoryMb.used;
  let executors = state.executors;
  const queued = new Map<string, number>();
  const inRepository = new Map<string, number>();
  const runsOf = (id: string): number => inRepository.get(id) ?? state.repository(id).runs.used;
  const full = (key: string, places: number, what: string): Room => {
    const ahead = queued.get(key) ?? 0;
    return { free: false, key, reason: `Queued: ${what}; ${ahead} ahead of this one.`, ahead, places };
  };
  return {
    executors: () => executors,
    of(executor) {
      const { cap } = executor.runs;
      if (cap !== null && executor.runs.used >= cap)
        return full(`executor:${executor.id}`, cap, `${executor.id} takes ${cap === 1 ? 'one run' : `${cap} runs`} at once`);
      if (executor.kind === 'cloud') return { free: true };
      const { total } = state.slots;
      if (used < total && memory + state.memoryPerAttemptMb <= state.memoryMb.total) return { free: true };
      return full('slots', total, `${total} ${total === 1 ? 'agent runs' : 'agents run'} at once on this machine`);
    },
    ofRepository(id) {
      const { cap } = state.repository(id).runs;
      if (cap === null || runsOf(id) < cap) return { free: true };
      return full(`repository:${id}`, cap, `${cap === 1 ? 'one task runs' : `${cap} tasks run`} at once in this repository`);
    },
    take(executor, repositoryId) {
      if (executor.kind === 'local') {
        used += 1;
        memory += state.memoryPerAttemptMb;
      }
      inRepository.set(repositoryId, runsOf(repositoryId) + 1);
      executors = executors.map((one) => (one.id === executor.id ? withOneMore(one) : one));
    },
    queued: (key) => void queued.set(key, (queued.get(key) ?? 0) + 1),
  };
}

/** A second run waits for what the trial finds out. */
function withOneMore(executor: ExecutorFacts): ExecutorFacts {
  const { condition, runs } = executor;
  const after = condition.state === 'trying' ? { ...condition, state: 'resting' as const, reason: trialReason, until: null } : condition;
  return { ...executor, condition: after, runs: { ...runs, used: runs.used + 1 } };
}

const trialReason = 'one run is finding out whether it works again';
