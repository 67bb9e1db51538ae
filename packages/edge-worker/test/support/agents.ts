import { randomUUID } from 'node:crypto';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from 'cyrus-core/clock';
import type { Sandbox } from 'cyrus-core/ports/sandbox';
import { createCustomExecutor } from 'cyrus-custom-executor/custom-executor';
import type { ScriptedScenario } from 'cyrus-custom-executor/scripted-agent';
import type { ExecutionRequest, TaskExecutor } from 'cyrus-executor-interface/executor';

const agent = fileURLToPath(import.meta.resolve('cyrus-custom-executor/scripted-agent'));

/** The executor `scripted`: a real process in the sandbox that plays what its job says. */
export function scriptedExecutors(sandbox: Sandbox, runIdPrefix: string): ReadonlyMap<string, TaskExecutor> {
  const executor = createCustomExecutor({
    id: 'scripted',
    sandbox,
    clock: systemClock,
    command: process.execPath,
    args: [agent],
    readable: [dirname(agent)],
    runIdPrefix,
  });
  return new Map([[executor.id, executor]]);
}

/** The payload of an agent job that plays a scenario in `workingDirectory`. */
export function agentJob(options: {
  readonly scenario: ScriptedScenario;
  readonly workingDirectory: string;
  readonly conversationDirectory: string;
  readonly attemptId: string;
  readonly prompt?: string;
}): { executorId: string; request: ExecutionRequest; key: { attemptId: string; number: number } } {
  return {
    executorId: 'scripted',
    key: { attemptId: options.attemptId, number: 1 },
    request: {
      prompt: options.prompt ?? 'Do it.',
      conversation: { id: randomUUID(), resume: false, directory: options.conversationDirectory },
      workingDirectory: options.workingDirectory,
      readable: [],
      timeoutMs: 120_000,
      environmentVariables: { CYRUS_SCENARIO: JSON.stringify(options.scenario) },
    },
  };
}
