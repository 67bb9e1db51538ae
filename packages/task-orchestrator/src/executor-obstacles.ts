import type { Instant } from 'cyrus-core/clock';
import type { Affordable, Choice, ChoiceTask, ChoiceWorld } from './choose-executor.ts';
import type { ExecutorFacts } from './executor-facts.ts';
import type { Tier } from './strategy.ts';

/** Why an executor cannot take the task now; it passes by itself at `until`, if that is known. */
export interface Obstacle {
  readonly kind: 'failed' | 'unable' | 'condition' | 'money';
  readonly why: string;
  readonly key: string;
  readonly reason: string;
  readonly until: Instant | null;
}

/** An executor that could not take the task. */
export interface PassedOver {
  readonly executor: ExecutorFacts;
  readonly obstacle: Obstacle;
}

const clock = (at: Instant): string => `${new Date(at).toISOString().slice(11, 16)} UTC`;

/** What keeps an executor from taking the task now, money apart. */
export function obstacleOf(task: ChoiceTask, world: ChoiceWorld, executor: ExecutorFacts): Obstacle | undefined {
  const unable = (why: string): Obstacle => ({ kind: 'unable', why, key: 'no-fit', reason: '', until: null });
  const failed = task.ruledOut.find(({ executorId, until }) => executorId === executor.id && (until === null || until > world.now));
  if (failed) return { ...unable(failed.why), kind: 'failed', until: failed.until };
  const cannot = incapable(task, world, executor);
  if (cannot) return unable(cannot);
  return conditionObstacle(executor);
}

/** What the executor cannot do for this task, ever; undefined: it can do it. */
export function incapable(
  task: ChoiceTask,
  { repository, hostIsolated }: Pick<ChoiceWorld, 'repository' | 'hostIsolated'>,
  executor: ExecutorFacts,
): string | undefined {
  const { capabilities, kind } = executor;
  const cloud = kind === 'cloud';
  if (task.model !== null && !capabilities.perRunModel) return `it takes no model, and the issue asks for ${task.model}`;
  if (repository.mcpServers && !capabilities.perRunMcp) return 'it cannot use the MCP servers of this repository';
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

export function moneyObstacle(money: Affordable): Obstacle | undefined {
  if (money.affordable) return undefined;
  return { kind: 'money', why: money.why, key: money.key, reason: money.reason, until: money.until };
}

/** Why nobody can take the task now, and until when. */
export function nobody(passedOver: readonly PassedOver[], world: ChoiceWorld, tiers: readonly Tier[]): Choice {
  const { policy, executors } = world;
  if (executors.length === 0)
    return { chosen: false, queue: null, key: 'no-executor', reason: 'Waiting: no executor is configured.', until: null };
  if (tiers.length === 0) {
    const reason = `Waiting: ${policy.name} names no executor that is configured (configured: ${executors.map(({ id }) => id).join(', ')}). Configure one, or change the strategy.`;
    return { chosen: false, queue: null, key: 'no-executor', reason, until: null };
  }
  const each = passedOver.map(({ executor, obstacle }) => `${executor.id}: ${obstacle.why}`).join('; ');
  const passing = passedOver.filter(({ obstacle: { kind, until } }) => kind === 'condition' || (kind === 'failed' && until !== null));
  const conditions = passing.map(({ obstacle }) => obstacle);
  const times = conditions.flatMap(({ until }) => (until === null ? [] : [until]));
  if (times.length > 0) {
    const until = Math.min(...times);
    const key = conditions.find((obstacle) => obstacle.until === until)?.key ?? 'resting';
    return { chosen: false, queue: null, key, reason: `Waiting until ${clock(until)}: ${each}. It goes on by itself.`, until };
  }
  const money = passedOver.find(({ obstacle }) => obstacle.kind === 'money')?.obstacle;
  if (money) return { chosen: false, queue: null, key: money.key, reason: money.reason, until: money.until };
  if (conditions.length > 0) {
    const [first] = conditions;
    return {
      chosen: false,
      queue: null,
      key: first?.key ?? 'parked',
      reason: `Waiting: ${each}. It goes on by itself${conditions.every(({ key }) => key.startsWith('parked')) ? ' once that is mended' : ''}.`,
      until: null,
    };
  }
  const reason = `Waiting: no executor that ${policy.name} allows can take this (${each}). Change the strategy, or write [agent=NAME].`;
  return { chosen: false, queue: null, key: 'no-fit', reason, until: null };
}
