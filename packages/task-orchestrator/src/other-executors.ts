import type { Alternative, Candidate, ChoiceTask, ChoiceWorld } from './choose-executor.ts';
import { estimateAttempt } from './estimate.ts';
import { moneyObstacle, obstacleOf } from './executor-obstacles.ts';
import type { Policy, Tier } from './strategy.ts';

/** What else there was, and why not. */
export function otherExecutors(
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
