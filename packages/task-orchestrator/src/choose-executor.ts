import type { Instant } from 'cyrus-core/clock';
import type { MicroUsd } from 'cyrus-core/money';
import { type Estimate, estimateAttempt, estimateTask, type PastRuns } from './estimate.ts';
import type { ExecutorFacts, RuledOut } from './executor-facts.ts';
import { fits, type Policy, type RuleSubject, returnReason, type Tier, tiersOf, worth } from './strategy.ts';
import type { TaskAnalysis } from './task-analysis.ts';

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
export type Room =
  | { readonly free: true }
  | { readonly free: false; readonly key: string; readonly reason: string; readonly ahead: number; readonly places: number };

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
  | { readonly chosen: false; readonly key: string; readonly reason: string; readonly until: Instant | null };

/** Why an executor cannot take the task now; it passes by itself at `until`, if that is known. */
interface Obstacle {
  readonly kind: 'failed' | 'unable' | 'condition' | 'money';
  readonly why: string;
  readonly key: string;
  readonly reason: string;
  readonly until: Instant | null;
}

interface PassedOver {
  readonly executor: ExecutorFacts;
  readonly obstacle: Obstacle;
}

/** Executors of equal rank. `asked`: the issue asks for them. */
interface Rank extends Tier {
  readonly asked?: boolean;
}

interface Candidate {
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
  let busy: { readonly candidate: Candidate; readonly room: Exclude<Room, { free: true }> } | undefined;
  for (const tier of tiers) {
    const candidates: Candidate[] = [];
    for (const executor of tier.executors) {
      const estimate = estimateAttempt(analysis, executor, repository.past);
      const money = world.money(executor, estimate);
      const obstacle = obstacleOf(task, world, executor) ?? moneyObstacle(money);
      if (obstacle) passedOver.push({ executor, obstacle });
      else candidates.push(candidateOf(executor, estimate, money.affordable ? money.cost : 0, world.room(executor)));
    }
    const best = bestOf(candidates, policy);
    if (!best && tier.asked && analysis.urgency !== 'high' && passes(passedOver)) break;
    if (!best) continue;
    if (best.room.free && (!busy || best.finishMs < busy.candidate.finishMs)) {
      const cheapest = policy.by === 'value' ? cheapestOf(candidates) : undefined;
      const why = cheapest && tier.reason === policy.name ? valueReason(best, cheapest) : tier.reason;
      const reason = [why, ...passedOver.slice(0, 1).map(({ executor, obstacle }) => `${executor.id}: ${obstacle.why}`)].join('; ');
      const alternatives = alternativesOf(task, world, best, tiers, candidates);
      return { chosen: true, executor: best.executor, cost: best.cost, estimate: best.estimate, reason, alternatives };
    }
    if (!best.room.free && !busy) busy = { candidate: best, room: best.room };
    // Only what is urgent does not wait for its place in the order.
    if (busy && analysis.urgency !== 'high') break;
  }
  if (busy) return { chosen: false, key: busy.room.key, reason: busy.room.reason, until: null };
  return nobody(passedOver, world, tiers);
}

/** What keeps the executor that the issue asks for is mended or passes: it is waited for. */
const passes = (passedOver: readonly PassedOver[]): boolean =>
  passedOver.every(({ obstacle: { kind, until } }) => kind === 'condition' || kind === 'money' || until !== null);

/** Who is looked at, in order: asked for, at work on it before, named by the repository, then the strategy. */
function orderFor(task: ChoiceTask, world: ChoiceWorld, subject: RuleSubject): readonly Rank[] {
  const { executors, policy, repository } = world;
  const byStrategy = tiersOf(policy, subject, executors, repository.defaultExecutor);
  const ranked: Rank[] = [];
  const asked = executors.find(({ id }) => id === task.agent);
  if (asked) ranked.push({ executors: [asked], reason: 'asked for in the issue', asked: true });
  const permitted = new Set(byStrategy.flatMap((tier) => tier.executors.map(({ id }) => id)));
  const own = repository.ownExecutor && !policy.own.some((rule) => rule.only && fits(rule.when, subject));
  const before = executors.find(({ id }) => id === task.continuesOn && (permitted.has(id) || (own && id === repository.defaultExecutor)));
  if (before) ranked.push({ executors: [before], reason: 'it goes on where it was' });
  const named = executors.find(({ id }) => own && id === repository.defaultExecutor);
  if (named) ranked.push({ executors: [named], reason: 'the executor of this repository' });
  const first = new Set(ranked.flatMap((tier) => tier.executors.map(({ id }) => id)));
  const unknown = task.agent !== null && !asked ? `[agent=${task.agent}] is not configured; ` : '';
  const plain = (tier: Tier, index: number): string => {
    if (policy.name !== 'local-only' || policy.own.length > 0) return tier.reason;
    if (executors.length === 1) return 'the only executor configured';
    return index === 0 && tier.executors.some(({ id }) => id === repository.defaultExecutor)
      ? 'the default executor'
      : 'the next executor here';
  };
  const rest = byStrategy.map((tier, index) => ({
    executors: tier.executors.filter(({ id }) => !first.has(id)),
    reason: `${unknown}${plain(tier, index)}`,
  }));
  const seen = new Set<string>();
  return [...ranked, ...rest]
    .map((tier) => ({ ...tier, executors: tier.executors.filter(({ id }) => !seen.has(id) && seen.add(id)) }))
    .filter((tier) => tier.executors.length > 0);
}

const clock = (at: Instant): string => `${new Date(at).toISOString().slice(11, 16)} UTC`;

function obstacleOf(task: ChoiceTask, world: ChoiceWorld, executor: ExecutorFacts): Obstacle | undefined {
  const unable = (why: string): Obstacle => ({ kind: 'unable', why, key: 'no-fit', reason: '', until: null });
  const failed = task.ruledOut.find(({ executorId, until }) => executorId === executor.id && (until === null || until > world.now));
  if (failed) return { ...unable(failed.why), kind: 'failed', until: failed.until };
  const cannot = incapable(task, world, executor);
  if (cannot) return unable(cannot);
  return conditionObstacle(executor);
}

/** What the executor cannot do for this task, ever; undefined: it can do it. */
function incapable(task: ChoiceTask, { repository, hostIsolated }: ChoiceWorld, executor: ExecutorFacts): string | undefined {
  const { capabilities, kind } = executor;
  const cloud = kind === 'cloud';
  if (task.model !== null && !capabilities.perRunModel) return `it takes no model, and the issue asks for ${task.model}`;
  if (cloud && repository.mcpServers && !capabilities.perRunMcp) return 'it cannot use the MCP servers of this repository';
  if (!cloud && task.analysis.requiresIsolation && !hostIsolated) return 'the work needs isolation, and this machine has none';
  if (cloud && task.analysis.requiresContext === 'local-only') return 'the work needs this machine';
  if (cloud && repository.unreachable !== null) return repository.unreachable;
  return undefined;
}

function conditionObstacle({ id, condition }: ExecutorFacts): Obstacle | undefined {
  const { state, reason, until } = condition;
  if (state === 'ready' || state === 'trying') return undefined;
  const why = `${state}${until === null ? '' : ` until ${clock(until)}`} (${reason})`;
  return { kind: 'condition', why, key: `${state}:${id}${until === null ? '' : `:${until}`}`, reason: '', until };
}

function moneyObstacle(money: Affordable): Obstacle | undefined {
  if (money.affordable) return undefined;
  return { kind: 'money', why: money.why, key: money.key, reason: money.reason, until: money.until };
}

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

const valueReason = (best: Candidate, cheapest: Candidate): string =>
  returnReason(best.estimate.cost.p50 - cheapest.estimate.cost.p50, cheapest.finishMs - best.finishMs);

function alternativesOf(
  task: ChoiceTask,
  world: ChoiceWorld,
  best: Candidate,
  tiers: readonly Tier[],
  equals: readonly Candidate[],
): readonly Alternative[] {
  const permitted = new Set(tiers.flatMap((tier) => tier.executors.map(({ id }) => id)));
  return world.executors
    .filter((executor) => executor !== best.executor)
    .map((executor): Alternative => {
      const estimate = estimateAttempt(task.analysis, executor, world.repository.past);
      const obstacle = obstacleOf(task, world, executor) ?? moneyObstacle(world.money(executor, estimate));
      const base = { executorId: executor.id, kind: executor.kind, estimate };
      if (obstacle) return { ...base, possible: false, why: obstacle.why };
      if (!permitted.has(executor.id)) return { ...base, possible: false, why: `${world.policy.name} does not use it` };
      const equal = equals.find((candidate) => candidate.executor === executor);
      return { ...base, possible: true, why: equal ? notBest(equal, best, world.policy) : 'it comes later in the order' };
    });
}

function notBest(other: Candidate, best: Candidate, policy: Policy): string {
  if (!other.room.free) return 'busy, so it would be done later';
  if (policy.by === 'value') {
    if (other.estimate.cost.p50 > best.estimate.cost.p50) return 'it costs more than it brings';
    return other.estimate.cost.p50 < best.estimate.cost.p50
      ? 'cheaper, but the time it takes is worth more'
      : 'it brings no more for the money';
  }
  if (other.finishMs > best.finishMs) return 'it would be done later';
  return other.estimate.cost.p50 > best.estimate.cost.p50 ? 'it costs more' : 'it comes later in the configuration';
}

/** Why nobody can take the task now, and until when. */
function nobody(passedOver: readonly PassedOver[], world: ChoiceWorld, tiers: readonly Tier[]): Choice {
  const { policy, executors } = world;
  if (executors.length === 0) return { chosen: false, key: 'no-executor', reason: 'Waiting: no executor is configured.', until: null };
  if (tiers.length === 0) {
    const reason = `Waiting: ${policy.name} names no executor that is configured (configured: ${executors.map(({ id }) => id).join(', ')}). Configure one, or change the strategy.`;
    return { chosen: false, key: 'no-executor', reason, until: null };
  }
  const each = passedOver.map(({ executor, obstacle }) => `${executor.id}: ${obstacle.why}`).join('; ');
  const passing = passedOver.filter(({ obstacle: { kind, until } }) => kind === 'condition' || (kind === 'failed' && until !== null));
  const conditions = passing.map(({ obstacle }) => obstacle);
  const times = conditions.flatMap(({ until }) => (until === null ? [] : [until]));
  if (times.length > 0) {
    const until = Math.min(...times);
    const key = conditions.find((obstacle) => obstacle.until === until)?.key ?? 'resting';
    return { chosen: false, key, reason: `Waiting until ${clock(until)}: ${each}. It goes on by itself.`, until };
  }
  const money = passedOver.find(({ obstacle }) => obstacle.kind === 'money')?.obstacle;
  if (money) return { chosen: false, key: money.key, reason: money.reason, until: money.until };
  if (conditions.length > 0) {
    const [first] = conditions;
    return {
      chosen: false,
      key: first?.key ?? 'parked',
      reason: `Waiting: ${each}. It goes on by itself once that is mended.`,
      until: null,
    };
  }
  const reason = `Waiting: no executor that ${policy.name} allows can take this (${each}). Change the strategy, or write [agent=NAME].`;
  return { chosen: false, key: 'no-fit', reason, until: null };
}
