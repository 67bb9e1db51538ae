import type { Instant } from 'cyrus-core/clock';
import type { MicroUsd } from 'cyrus-core/money';
import {
  type Alternative,
  type Choice,
  type ChoiceTask,
  chooseExecutor,
  type Queue,
  type RepositoryFacts,
  type Room,
} from './choose-executor.ts';
import { type DispatchMoney, openPurse } from './dispatch-money.ts';
import type { Estimate } from './estimate.ts';
import type { ExecutorFacts } from './executor-facts.ts';
import { queuedWords, type ToldWaiting } from './queue-words.ts';
import type { Policy } from './strategy.ts';

export interface ReadyTask extends ChoiceTask {
  readonly taskId: string;
  readonly planId: string;
  readonly issueId: string;
  /** The number the next attempt gets. */
  readonly number: number;
  readonly readySince: Instant;
  readonly notBefore: Instant | null;
  /** The last reason told for waiting. */
  readonly told: ToldWaiting | null;
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
  /** In a queue: what there is too little of. `waitingWords` makes the sentence, for the few that are told. */
  readonly reason: string;
  readonly until: Instant | null;
  /** How many are ahead of it in a queue; null: it is in none. */
  readonly ahead: number | null;
}

export interface DispatchDecision {
  readonly assignments: readonly Assignment[];
  readonly waiting: readonly Waiting[];
}

/** Why it waits, for a person. */
export const waitingWords = ({ task, reason, ahead }: Waiting): string =>
  ahead === null ? reason : queuedWords(ahead, reason, task.number);

/** Picks the next assignments, oldest first, within places, memory and money. Pure; run again at every finish. */
export function decideDispatch(state: DispatchState, now: Instant): DispatchDecision {
  const assignments: Assignment[] = [];
  const waiting: Waiting[] = [];
  const places = takenPlaces(state);
  const purse = openPurse(state.money);
  /** Of tasks that are alike: the next one waits for the same, until something is taken. */
  let unchanged: Branch = {};
  const queue = [...state.ready].sort((a, b) => a.readySince - b.readySince || (a.taskId < b.taskId ? -1 : 1));
  const wait = (task: ReadyTask, key: string, reason: string, until: Instant | null, ahead: number | null = null): void => {
    waiting.push({ task, key, reason, until, ahead });
  };
  const inLine = (task: ReadyTask, { key, what }: Queue): void => wait(task, key, what, null, places.queue(key));

  for (const task of queue) {
    if (task.notBefore !== null && task.notBefore > now) {
      wait(task, '', '', task.notBefore);
      continue;
    }
    if (state.draining) {
      wait(task, 'draining', 'Waiting: the service is shutting down. The work goes on when it is back.', null);
      continue;
    }
    const full = places.ofRepository(task.repositoryId);
    if (!full.free) {
      inLine(task, full);
      continue;
    }
    const alike = leafOf(unchanged, task, purse.likeness(task));
    const choice =
      alike.value ??
      chooseExecutor(task, {
        now,
        executors: places.executors(),
        policy: state.policy,
        repository: state.repository(task.repositoryId),
        hostIsolated: state.hostIsolated,
        room: places.of,
        money: (executor, estimate) => purse.affordable(task, executor, estimate),
      });
    if (!choice.chosen) {
      if (choice.queue === null || choice.fixed) alike.value = choice;
      if (choice.queue) inLine(task, choice.queue);
      else wait(task, choice.key, choice.reason, choice.until);
      continue;
    }
    unchanged = {};
    const { executor, reason, estimate, alternatives, cost } = choice;
    places.take(executor, task.repositoryId);
    purse.hold(task, executor, cost);
    const held = executor.kind === 'local' ? { slots: 1, memoryMb: state.memoryPerAttemptMb } : { slots: 0, memoryMb: 0 };
    const trial = executor.condition.state === 'trying';
    const strategy = state.policy.name;
    assignments.push({ task, executorId: executor.id, reason, strategy, trial, estimate, alternatives, ...held, cost });
  }
  return { assignments, waiting };
}

/** A tree of what choices see of tasks, and at its leaves what was chosen. Thousands of tasks a decision: looking into it makes nothing. */
interface Branch {
  value?: Exclude<Choice, { chosen: true }>;
  next?: Map<string | number | null, Branch>;
}

function child(branch: Branch, seen: string | number | null): Branch {
  branch.next ??= new Map();
  let next = branch.next.get(seen);
  if (!next) {
    next = {};
    branch.next.set(seen, next);
  }
  return next;
}

/** The same leaf for tasks between which a choice sees no difference. What differs least comes first: that keeps the tree small. */
function leafOf(root: Branch, { analysis, repositoryId, agent, model, ruledOut, continuesOn }: ReadyTask, likeness: string): Branch {
  const { type, complexity, urgency, requiresContext, requiresIsolation, requiresParallelExecution, labels } = analysis;
  let branch = child(root, likeness);
  branch = child(branch, ruledOut.length === 0 ? '' : JSON.stringify(ruledOut));
  branch = child(branch, model);
  branch = child(branch, agent);
  branch = child(branch, continuesOn);
  branch = child(branch, (requiresIsolation ? 1 : 0) + (requiresParallelExecution ? 2 : 0));
  branch = child(branch, requiresContext);
  branch = child(branch, urgency);
  branch = child(branch, labels.length === 1 ? (labels[0] ?? '') : labels.join('\u0001'));
  branch = child(branch, type);
  branch = child(branch, complexity);
  return child(branch, repositoryId);
}

/** Places while a decision is made: what its assignments take counts at once. */
interface TakenPlaces {
  executors(): readonly ExecutorFacts[];
  of(executor: ExecutorFacts): Room;
  ofRepository(id: string): Room;
  take(executor: ExecutorFacts, repositoryId: string): void;
  /** One more waits for what `key` names. Returns how many did before. */
  queue(key: string): number;
}

function takenPlaces(state: DispatchState): TakenPlaces {
  let { used } = state.slots;
  let memory = state.memoryMb.used;
  let executors = state.executors;
  const queued = new Map<string, number>();
  const inRepository = new Map<string, number>();
  const runsOf = (id: string): number => inRepository.get(id) ?? state.repository(id).runs.used;
  const ahead = (key: string): number => queued.get(key) ?? 0;
  const full = (key: string, places: number, what: string): Room => ({ free: false, key, what, ahead: ahead(key), places });
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
    queue(key) {
      const before = ahead(key);
      queued.set(key, before + 1);
      return before;
    },
  };
}

/** A second run waits for what the trial finds out. */
function withOneMore(executor: ExecutorFacts): ExecutorFacts {
  const { condition, runs } = executor;
  const after = condition.state === 'trying' ? { ...condition, state: 'resting' as const, reason: trialReason, until: null } : condition;
  return { ...executor, condition: after, runs: { ...runs, used: runs.used + 1 } };
}

const trialReason = 'one run is finding out whether it works again';
