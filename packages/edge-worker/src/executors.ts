import { createClaudeExecutor } from 'cyrus-claude-runner/claude-executor';
import type { Clock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import type { Sandbox } from 'cyrus-core/ports/sandbox';
import { createCustomExecutor } from 'cyrus-custom-executor/custom-executor';
import type { TaskExecutor } from 'cyrus-executor-interface/executor';

/** Who the commits of agents are by. */
export const gitIdentity: { readonly name: string; readonly email: string } = { name: 'Cyrus', email: 'cyrus@localhost' };

/** Every executor the configuration names, by id. */
export function createExecutors(config: Config, sandbox: Sandbox, clock: Clock, runIdPrefix: string): ReadonlyMap<string, TaskExecutor> {
  const claude = createClaudeExecutor({
    sandbox,
    clock,
    gitIdentity,
    runIdPrefix,
    auth: config.claude.auth,
    ...(config.claude.apiUrl === undefined ? {} : { apiUrl: config.claude.apiUrl }),
    ...(config.claude.apiKey === undefined ? {} : { apiKey: config.claude.apiKey }),
    ...(config.claude.binaryPath === undefined ? {} : { binaryPath: config.claude.binaryPath }),
    ...(config.defaultModel === undefined ? {} : { defaultModel: config.defaultModel }),
  });
  const custom = Object.entries(config.executors).map(([id, { command, args, environmentVariables }]) =>
    createCustomExecutor({
      id,
      sandbox,
      clock,
      command,
      args,
      runIdPrefix,
      ...(environmentVariables ? { env: environmentVariables } : {}),
    }),
  );
  return new Map([claude, ...custom].map((executor) => [executor.id, executor]));
}
