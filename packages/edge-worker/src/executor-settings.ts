import type { Config } from 'cyrus-core/config/schema';
import type { ModelByTaskType } from 'cyrus-core/config/services';

/** What the configuration says of an executor, whichever it is. */
export interface ExecutorSettings {
  /** Runs at once; absent: no cap of its own. */
  readonly maxParallel?: number;
  readonly estimatedCostPerRunUsd?: number;
  readonly defaultModel?: string;
  readonly modelByTaskType?: ModelByTaskType;
}

/** The section of an executor. Only here is it known which section is whose: what decides about executors does not know them by name. */
export function executorSettings(config: Config, id: string): ExecutorSettings {
  const { codegen } = config;
  const built: Readonly<Record<string, ExecutorSettings | undefined>> = {
    claude: config.claude,
    codegen: codegen?.features?.parallelExecution === false ? { ...codegen, maxParallel: 1 } : codegen,
    cursor: config.cursor,
  };
  return (Object.hasOwn(built, id) ? built[id] : config.executors[id]) ?? {};
}
