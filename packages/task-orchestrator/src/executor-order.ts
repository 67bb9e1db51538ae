import type { ChoiceTask, ChoiceWorld } from './choose-executor.ts';
import { fits, type RuleSubject, type Tier, tiersOf } from './strategy.ts';

/** Executors of equal rank. `asked`: the issue asks for them. */
export interface Rank extends Tier {
  readonly asked?: boolean;
}

/** Who is looked at, in order: asked for, at work on it before, named by the repository, then the strategy. */
export function orderFor(
  task: ChoiceTask,
  world: Pick<ChoiceWorld, 'executors' | 'policy' | 'repository'>,
  subject: RuleSubject,
): readonly Rank[] {
  const { executors, policy, repository } = world;
  const byStrategy = tiersOf(policy, subject, executors, repository.defaultExecutor);
  const ranked: Rank[] = [];
  const asked = executors.find(({ id }) => id === task.agent);
  if (asked) ranked.push({ executors: [asked], reason: 'asked for in the issue', asked: true });
  const permitted = new Set(byStrategy.flatMap((tier) => tier.executors.map(({ id }) => id)));
  const own = repository.ownExecutor && !policy.own.some((rule) => rule.only && fits(rule.when, subject));
  const before = executors.find(({ id }) => id === task.continuesOn && (permitted.has(id) || (own && id === repository.defaultExecutor)));
  if (before) ranked.push({ executors: [before], reason: 'it has worked on this before, and its conversation goes on' });
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
