import type { Config } from 'cyrus-core/config/schema';
import type { Attempt, Plan, Task } from 'cyrus-core/domain/plan';
import type { Tx } from 'cyrus-store/pool';
import { loadFallback } from 'cyrus-store/queries/fallback-load';
import { ableExecutors } from 'cyrus-task-orchestrator/choose-executor';
import type { FallbackExecutor } from 'cyrus-task-orchestrator/fallback';
import { policyOf } from 'cyrus-task-orchestrator/strategy';
import { type TaskAnalysis, unknownTask } from 'cyrus-task-orchestrator/task-analysis';
import type { Unreachable } from '../reachable.ts';
import { type ChoosableExecutor, executorFacts } from './executor-facts.ts';

export interface FallbackExecutorsOptions {
  readonly config: () => Config;
  /** In the order of the configuration. */
  readonly executors: () => readonly ChoosableExecutor[];
  readonly unreachable: Unreachable;
}

/** The executors that a plan's task may be given to, in the order of its strategy, and how they are doing. */
export async function fallbackExecutors(
  tx: Tx,
  options: FallbackExecutorsOptions,
  { plan, task, attempts }: { readonly plan: Plan; readonly task: Task | null; readonly attempts: readonly Attempt[] },
  now: number,
): Promise<readonly FallbackExecutor[]> {
  const executors = options.executors();
  const [only, another] = executors;
  // There is no choice, and most plans need none.
  if (task === null || (another === undefined && attempts.every(({ executorId }) => executorId === only?.id))) return [];
  const config = options.config();
  const loaded = await loadFallback(tx, task.id);
  const settings = config.repositories.find((repository) => repository.id === plan.repositoryId);
  const able = ableExecutors(
    {
      analysis: (loaded.analysis as TaskAnalysis | null) ?? unknownTask(plan.procedure),
      repositoryId: plan.repositoryId,
      agent: plan.options.agent ?? null,
      model: plan.options.model ?? null,
      ruledOut: task.ruledOut,
      continuesOn: null,
    },
    {
      executors: executorFacts(config, executors, { runs: [], conditions: loaded.conditions }, now),
      policy: policyOf(config),
      repository: {
        defaultExecutor: settings?.executor ?? config.executor,
        ownExecutor: settings?.executor !== undefined,
        unreachable: options.unreachable(plan.repositoryId),
        mcpServers: settings?.mcpConfigPath !== undefined,
        past: [],
      },
      hostIsolated: loaded.hostIsolated,
    },
  );
  return able.map(({ id, kind, included, condition }) => ({ id, kind, included, condition }));
}
