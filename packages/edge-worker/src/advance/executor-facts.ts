import type { Instant } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import type { TaskExecutor } from 'cyrus-executor-interface/executor';
import type { ConditionRow, ExecutorStatus } from 'cyrus-store/queries/executor-status';
import type { ExecutorCondition, ExecutorFacts } from 'cyrus-task-orchestrator/executor-facts';
import { executorSettings } from '../executor-settings.ts';
import { billingOf, costPerRun } from '../money/budget-rules.ts';

/** What a choice needs of an executor. */
export type ChoosableExecutor = Pick<TaskExecutor, 'id' | 'kind' | 'capabilities'>;

const ready: ExecutorCondition = { state: 'ready', reason: '', until: null, failure: null };

function conditionOf(row: ConditionRow | undefined, now: Instant): ExecutorCondition {
  if (!row || row.state === 'ready') return ready;
  const { state, reason, until, failure, trial } = row;
  if (until === null || until > now) return { state, reason, until, failure };
  if (trial !== null) return { state: 'resting', reason: 'one run is finding out whether it works again', until: null, failure };
  return { state: 'trying', reason, until: null, failure };
}

/** What is known of every executor now, in the order of the configuration. */
export function executorFacts(
  config: Config,
  executors: readonly ChoosableExecutor[],
  loaded: ExecutorStatus,
  now: Instant,
): readonly ExecutorFacts[] {
  return executors.map(({ id, kind, capabilities }) => {
    const settings = executorSettings(config, id);
    const used = loaded.runs.filter((run) => run.executorId === id).reduce((sum, run) => sum + run.count, 0);
    return {
      id,
      kind,
      capabilities,
      condition: conditionOf(
        loaded.conditions.find((row) => row.executorId === id),
        now,
      ),
      runs: { used, cap: settings.maxParallel ?? null },
      costPerRun: costPerRun(config, id),
      included: billingOf(config, id) === 'included',
    };
  });
}
