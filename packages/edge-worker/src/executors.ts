import { createClaudeExecutor } from 'cyrus-claude-runner/claude-executor';
import { createCodegenExecutor } from 'cyrus-codegen-executor/codegen-executor';
import type { Clock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import { microUsd } from 'cyrus-core/money';
import type { Limiter } from 'cyrus-core/ports/limiter';
import type { Sandbox } from 'cyrus-core/ports/sandbox';
import { createCursorExecutor } from 'cyrus-cursor-executor/cursor-executor';
import { createCustomExecutor } from 'cyrus-custom-executor/custom-executor';
import type { TaskExecutor } from 'cyrus-executor-interface/executor';

/** Who the commits of agents are by. */
export const gitIdentity: { readonly name: string; readonly email: string } = { name: 'Cyrus', email: 'cyrus@localhost' };

/** What executors that run elsewhere need. */
export interface CloudMeans {
  /** Between 0 and 1; spreads calls. */
  readonly random: () => number;
  /** Holds the calls of all processes below the services' limits; absent: those of this one. */
  readonly limiter?: Limiter;
  /** Told what a service says that nobody understands. */
  readonly warn?: (what: string) => void;
}

/** Every executor the configuration names, by id. */
export function createExecutors(
  config: Config,
  sandbox: Sandbox,
  clock: Clock,
  runIdPrefix: string,
  means: CloudMeans = { random: () => 0.5 },
): ReadonlyMap<string, TaskExecutor> {
  const custom = Object.entries(config.executors).map(([id, { command, args, environmentVariables, readable, capabilities }]) =>
    createCustomExecutor({
      id,
      sandbox,
      clock,
      command,
      args,
      runIdPrefix,
      ...(environmentVariables ? { env: environmentVariables } : {}),
      ...(readable ? { readable } : {}),
      ...(capabilities ? { capabilities } : {}),
    }),
  );
  const claude = claudeExecutor(config, sandbox, clock, runIdPrefix);
  const cloud = [codegenExecutor(config, clock, means), cursorExecutor(config, clock, means)];
  const all = [claude, ...cloud, ...custom].filter((executor) => executor !== undefined);
  return new Map(all.map((executor) => [executor.id, executor]));
}

/** Undefined where another executor is the usual one and this one has nothing to log in with: nothing falls back on it then. */
function claudeExecutor(
  { claude, executor, defaultModel }: Config,
  sandbox: Sandbox,
  clock: Clock,
  runIdPrefix: string,
): TaskExecutor | undefined {
  const { auth, apiUrl, apiKey, binaryPath } = claude;
  if (executor !== 'claude' && auth === 'apiKey' && apiKey === undefined) return undefined;
  return createClaudeExecutor({
    sandbox,
    clock,
    gitIdentity,
    runIdPrefix,
    auth,
    ...(apiUrl === undefined ? {} : { apiUrl }),
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(binaryPath === undefined ? {} : { binaryPath }),
    ...(defaultModel === undefined ? {} : { defaultModel }),
  });
}

/** Undefined unless the configuration has it enabled. */
export function codegenExecutor({ codegen }: Config, clock: Clock, { random, limiter, warn }: CloudMeans): TaskExecutor | undefined {
  if (!codegen?.enabled) return undefined;
  const { features = {} } = codegen;
  return createCodegenExecutor({
    clock,
    random,
    apiToken: codegen.apiToken ?? '',
    orgId: codegen.orgId ?? '',
    baseUrl: codegen.baseUrl,
    pollMs: codegen.pollMs,
    timeoutMs: codegen.timeoutMs,
    tracing: features.enableTracing ?? true,
    mcpServers: features.useMcpServers ?? true,
    ...(limiter ? { limiter } : {}),
    ...(codegen.defaultModel === undefined ? {} : { defaultModel: codegen.defaultModel }),
    ...(codegen.repositories ? { repositories: codegen.repositories } : {}),
    ...(codegen.estimatedCostPerRunUsd === undefined ? {} : { estimatedCostPerRun: microUsd(codegen.estimatedCostPerRunUsd) }),
    onUnknownStatus: (word, runId) => warn?.(`Codegen says that its run ${runId} is ${word}, which nobody knows; it is followed on`),
  });
}

/** Undefined unless the configuration has it enabled. */
function cursorExecutor({ cursor }: Config, clock: Clock, { random, limiter }: CloudMeans): TaskExecutor | undefined {
  if (!cursor?.enabled) return undefined;
  return createCursorExecutor({
    clock,
    random,
    apiUrl: cursor.apiUrl,
    sendMcpServers: cursor.sendMcpServers,
    ...(cursor.apiKey === undefined ? {} : { apiKey: cursor.apiKey }),
    ...(cursor.defaultModel === undefined ? {} : { defaultModel: cursor.defaultModel }),
    ...(limiter ? { limiter } : {}),
  });
}
