import type { Instant } from 'cyrus-core/clock';
import type { MicroUsd } from 'cyrus-core/money';
import { type Estimate, estimateAttempt, estimateTask, type PastRuns } from './estimate.ts';
import type { ExecutorFacts, RuledOut } from './executor-facts.ts';
import { incapable, moneyObstacle, nobody, obstacleOf, type PassedOver } from './executor-obstacles.ts';
import { orderFor } from './executor-order.ts';
import { otherExecutors } from './other-executors.ts';
import { type Policy, type RuleSubject, worth } from './strategy.ts';
import type { TaskAnalysis } from './task-analysis.ts';
import { valueReason } from './value-reason.ts';

/** What is known of a task that an executor is looked for. */
export interface ChoiceTask {
  readonly analysis: TaskAnalysis;
  readonly repositoryId: string;
  /** The executor asked for in the issue. */
  readonly agent: string | null;
  /** The model asked for in the issue. */
  readonly model: string | null;
  readonly ruledOut: readonly RuledOut[];
  /** The executor of an earlier attempt whose conversation goes on; null: there is none. */
  readonly continuesOn: string | null;
}

/** What is known of a repository. */
export interface RepositoryFacts {
  /** The repository's `executor`, else that of the whole configuration. */
  readonly defaultExecutor: string;
  /** True: this repository names it itself, so it counts before the strategy. */
  readonly ownExecutor: boolean;
  /** Why a cloud executor cannot get at it; null: it can. */
  readonly unreachable: string | null;
  /** Its agents get MCP servers that the configuration names. */
  readonly mcpServers: boolean;
  readonly past: readonly PastRuns[];
}

/** Whether an attempt may begin now. */
export type Room = { readonly free: true } | Queue;

/** What a task waits for that others hold. */
export interface Queue {
  readonly free: false;
  readonly key: string;
  /** For a person: `2 agents run at once on this machine`. */
  readonly what: string;
  readonly ahead: number;
  readonly places: number;
}

/** Whether there is money for an attempt, and what it would hold. */
export type Affordable =
  | { readonly affordable: true; readonly cost: MicroUsd }
  | { readonly affordable: false; readonly key: string; readonly why: string; readonly reason: string; readonly until: Instant | null };

export interface ChoiceWorld {
  readonly now: Instant;
  /** In the order of the configuration. */
  readonly executors: readonly ExecutorFacts[];
  readonly policy: Policy;
  readonly repository: RepositoryFacts;
  /** Agents on this machine are isolated from it. */
  readonly hostIsolated: boolean;
  readonly room: (executor: ExecutorFacts) => Room;
  readonly money: (executor: ExecutorFacts, estimate: Estimate) => Affordable;
}

/** An executor that was looked at and not taken. */
export interface Alternative {
  readonly executorId: string;
  readonly kind: 'local' | 'cloud';
  /** It could have taken the task. */
  readonly possible: boolean;
  readonly why: string;
  readonly estimate: Estimate;
}

export type Choice =
  | {
      readonly chosen: true;
      readonly executor: ExecutorFacts;
      readonly cost: MicroUsd;
      readonly estimate: Estimate;
      /** Short, for the tracker. */
      readonly reason: string;
      readonly alternatives: readonly Alternative[];
    }
  /** It waits for its turn. `fixed`: no executor has room for it, however many wait besides. */
  | { readonly chosen: false; readonly queue: Queue; readonly fixed: boolean }
  | { readonly chosen: false; readonly queue: null; readonly key: string; readonly reason: string; readonly until: Instant | null };

/** An executor that can take the task, and what that would mean. */
export interface Candidate {
  readonly executor: ExecutorFacts;
  readonly estimate: Estimate;
  readonly cost: MicroUsd;
  readonly room: Room;
  /** From now to its end. */
  readonly finishMs: number;
}

/**
 * Picks the executor of one task: what is impossible first, then the strategy's order, then estimates. Pure. Where the first in order is
 * only busy the task waits for it; where it cannot take the task the next one gets it, and the reason is said.
 */
export function chooseExecutor(task: ChoiceTask, world: ChoiceWorld): Choice {
  const { policy, repository } = world;
  const { analysis, repositoryId } = task;
  const subject: RuleSubject = { analysis, repositoryId, estimate: estimateTask(analysis, repository.past) };
  const tiers = orderFor(task, world, subject);
  const passedOver: PassedOver[] = [];
  let busy: { readonly candidate: Candidate; readonly queue: Queue } | undefined;
  let fixed = true;
  for (const tier of tiers) {
    const candidates: Candidate[] = [];
    for (const executor of tier.executors) {
      const estimate = estimateAttempt(analysis, executor, repository.past);
      const money = world.money(executor, estimate);
      const obstacle = obstacleOf(task, world, executor) ?? moneyObstacle(money);
      if (obstacle) passedOver.push({ executor, obstacle });
      else candidates.push(candidateOf(executor, estimate, money.affordable ? money.cost : 0, world.room(executor)));
    }
    fixed &&= candidates.every((candidate) => !candidate.room.free);
    const best = bestOf(candidates, policy);
    if (!best && tier.asked && analysis.urgency !== 'high' && passes(passedOver)) break;
    if (!best) continue;
    if (best.room.free && (!busy || best.finishMs < busy.candidate.finishMs)) {
      const cheapest = policy.by === 'value' ? cheapestOf(candidates) : undefined;
      const why = cheapest && tier.reason === policy.name ? valueReason(policy, best, cheapest) : tier.reason;
      const reason = [
        why,
        ...passedOver.slice(0, 1).map(({ executor, obstacle }) => `${executor.id} cannot take this: ${obstacle.why}`),
        ...(busy ? [`${busy.candidate.executor.id} is busy, and this is urgent`] : []),
      ].join('; ');
      const alternatives = otherExecutors(task, world, best, tiers, candidates);
      return { chosen: true, executor: best.executor, cost: best.cost, estimate: best.estimate, reason, alternatives };
    }
    if (!best.room.free && !busy) busy = { candidate: best, queue: best.room };
    // Only what is urgent does not wait for its place in the order.
    if (busy && analysis.urgency !== 'high') break;
  }
  if (busy) return { chosen: false, queue: busy.queue, fixed };
  return nobody(passedOver, world, tiers);
}

/** Who could take the task at all, in the order in which they are looked at: whatever became of it on them, and however they are doing. */
export function ableExecutors(
  task: ChoiceTask,
  world: Pick<ChoiceWorld, 'executors' | 'policy' | 'repository' | 'hostIsolated'>,
): readonly ExecutorFacts[] {
  const { analysis, repositoryId } = task;
  const subject: RuleSubject = { analysis, repositoryId, estimate: estimateTask(analysis, world.repository.past) };
  return orderFor(task, world, subject)
    .flatMap((tier) => tier.executors)
    .filter((executor) => incapable(task, world, executor) === undefined);
}

/** What keeps the executor that the issue asks for is mended or passes: it is waited for. */
const passes = (passedOver: readonly PassedOver[]): boolean =>
  passedOver.every(({ obstacle: { kind, until } }) => kind === 'condition' || kind === 'money' || until !== null);

function candidateOf(executor: ExecutorFacts, estimate: Estimate, cost: MicroUsd, room: Room): Candidate {
  // Runs under way end evenly spread: the next place is free after the length of one run, divided by the places.
  const wait = room.free ? 0 : (estimate.durationMs.p50 * (room.ahead + 1)) / Math.max(1, room.places);
  return { executor, estimate, cost, room, finishMs: wait + estimate.durationMs.p50 };
}

/** The first of `candidates` under a total order: by finish or by worth, then by cost, then by their place in the configuration. */
function bestOf(candidates: readonly Candidate[], policy: Policy): Candidate | undefined {
  const rank = ({ estimate, finishMs }: Candidate): number => (policy.by === 'finish' ? finishMs : -worth(policy, estimate, finishMs));
  let best: Candidate | undefined;
  for (const one of candidates) {
    const difference = best ? rank(one) - rank(best) || one.estimate.cost.p50 - best.estimate.cost.p50 : -1;
    if (difference < 0) best = one;
  }
  return best;
}

function cheapestOf(candidates: readonly Candidate[]): Candidate | undefined {
  let cheapest: Candidate | undefined;
  for (const one of candidates) if (!cheapest || one.estimate.cost.p50 < cheapest.estimate.cost.p50) cheapest = one;
  return cheapest;
}
