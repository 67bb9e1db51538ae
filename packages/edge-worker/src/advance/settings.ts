import type { Config, RepositoryConfig } from 'cyrus-core/config/schema';
import type { Plan, Procedure } from 'cyrus-core/domain/plan';
import type { MicroUsd } from 'cyrus-core/money';
import type { AttemptSettings } from 'cyrus-task-orchestrator/attempt-context';
import { documentationDefault } from 'cyrus-task-orchestrator/documentation';
import type { PlanSettings } from 'cyrus-task-orchestrator/plan-context';
import type { Routable } from 'cyrus-task-orchestrator/route';
import { executorSettings } from '../executor-settings.ts';

/** Tools that change files: a scoper gets none of them. */
const writingTools = ['Edit', 'Write', 'MultiEdit', 'NotebookEdit'];

const defaultCiTimeoutMs = 2 * 3_600_000;

const presets: Readonly<Record<string, readonly string[]>> = {
  readOnly: ['Read', 'Glob', 'Grep', 'LS', 'TodoWrite'],
  safe: ['Read', 'Glob', 'Grep', 'LS', 'Edit', 'Write', 'MultiEdit', 'NotebookEdit', 'TodoWrite', 'Task'],
  coordinator: ['Read', 'Glob', 'Grep', 'LS', 'Task', 'TodoWrite', 'Bash(git:*)'],
};

const labelsOf = (prompt: unknown): readonly string[] =>
  Array.isArray(prompt) ? prompt : ((prompt as { labels?: readonly string[] } | undefined)?.labels ?? []);

/** What routing knows of the active repositories. */
export function routables(config: Config): readonly Routable[] {
  return config.repositories
    .filter((repository) => repository.isActive)
    .map((repository) => ({
      id: repository.id,
      name: repository.name ?? repository.id,
      workspace: repository.linearWorkspaceId ?? null,
      teamKeys: repository.teamKeys ?? [],
      projectKeys: repository.projectKeys ?? [],
      routingLabels: repository.routingLabels ?? [],
      labelPrompts: Object.fromEntries(Object.entries(repository.labelPrompts ?? {}).map(([name, prompt]) => [name, labelsOf(prompt)])),
    }));
}

const repositoryOf = (config: Config, id: string): RepositoryConfig | undefined =>
  config.repositories.find((repository) => repository.id === id);

/** What the configuration says of a plan's repository. A repository taken out of the configuration meanwhile keeps the defaults. */
export function planSettings(config: Config, plan: Plan, noPullRequest: string | null): PlanSettings {
  const repository = repositoryOf(config, plan.repositoryId);
  const verify = repository?.verify ?? config.verify;
  return {
    verifyMode: verify?.mode ?? 'local',
    verifyCommands: verify?.commands ?? null,
    verifyTimeoutMs: verify?.timeoutMs ?? config.limits.verifyTimeoutMs,
    ciTimeoutMs: verify?.ciTimeoutMs ?? defaultCiTimeoutMs,
    setupCommand: repository?.setup?.command ?? null,
    maxAttempts: config.limits.maxAttemptsPerTask,
    fallback: config.fallback,
    noPullRequest,
    draft: repository?.pullRequest?.draft ?? config.pullRequest?.draft ?? false,
    stateOnStart: config.stateOnStart,
    stateOnSuccess: repository?.onSuccess?.state ?? config.stateOnSuccess,
    stateOnMerge: config.stateOnMerge,
  };
}

function allowed(config: Config, repository: RepositoryConfig | undefined, procedure: Procedure): readonly string[] | undefined {
  const prompt = repository?.labelPrompts?.[procedure];
  const ofLabel = prompt && !Array.isArray(prompt) ? (prompt as { allowedTools?: readonly string[] | string }).allowedTools : undefined;
  const chosen = ofLabel ?? config.promptDefaults?.[procedure]?.allowedTools ?? repository?.allowedTools ?? config.defaultAllowedTools;
  return typeof chosen === 'string' ? presets[chosen] : chosen;
}

function deniedByLabel(repository: RepositoryConfig | undefined, procedure: Procedure): readonly string[] {
  const prompt = repository?.labelPrompts?.[procedure];
  return prompt && !Array.isArray(prompt) ? ((prompt as { disallowedTools?: readonly string[] }).disallowedTools ?? []) : [];
}

type ChosenModel = Pick<AttemptSettings, 'model' | 'modelFrom' | 'fallbackModel'>;
type ChosenExecutor = NonNullable<AttemptSettings['executor']> & { readonly id: string };

/** The first that names one: the tag, the repository, the kind of work, the whole configuration. */
function chosenModel(config: Config, repository: RepositoryConfig | undefined, plan: Plan, executor: ChosenExecutor | null): ChosenModel {
  const { procedure, options } = plan;
  const asked = [options.model, `[model=${options.model}] in the issue`] as const;
  if (executor?.kind === 'cloud') return cloudModel(config, procedure, executor.id, asked);
  const ladder: readonly (readonly [string | undefined, string])[] = [
    asked,
    [repository?.model, `model of the repository ${plan.repositoryId}`],
    [config.modelByTaskType?.[procedure], `modelByTaskType.${procedure}`],
    [config.defaultModel, 'defaultModel'],
  ];
  const [model, modelFrom] = ladder.find(([name]) => name !== undefined) ?? [undefined, undefined];
  const fallback = repository?.fallbackModel ?? config.defaultFallbackModel;
  return { model, modelFrom, fallbackModel: fallback === model ? undefined : fallback };
}

/** Services name models in their own way: what is configured for agents on this machine says nothing to them. */
function cloudModel(config: Config, procedure: Procedure, id: string, asked: readonly [string | undefined, string]): ChosenModel {
  const own = executorSettings(config, id);
  const ladder: readonly (readonly [string | undefined, string])[] = [
    asked,
    [own.modelByTaskType?.[procedure], `${id}.modelByTaskType.${procedure}`],
    [own.defaultModel, `${id}.defaultModel`],
  ];
  const [model, modelFrom] = ladder.find(([name]) => name !== undefined) ?? [undefined, undefined];
  return { model, modelFrom, fallbackModel: undefined };
}

/** What the configuration says of an attempt. `maxCost`: what it may cost at most; undefined: nothing limits it. */
export function attemptSettings(
  config: Config,
  plan: Plan,
  maxCost: MicroUsd | undefined,
  executor: ChosenExecutor | null,
): AttemptSettings {
  const repository = repositoryOf(config, plan.repositoryId);
  // A deny anywhere denies.
  const disallowed = [
    ...(config.defaultDisallowedTools ?? []),
    ...(repository?.disallowedTools ?? []),
    ...(config.promptDefaults?.[plan.procedure]?.disallowedTools ?? []),
    ...deniedByLabel(repository, plan.procedure),
  ];
  return {
    setup: repository?.setup
      ? { command: repository.setup.command, timeoutMs: repository.setup.timeoutMs ?? config.limits.setupTimeoutMs }
      : null,
    verifyCommands: (repository?.verify ?? config.verify)?.commands ?? null,
    baseBranch: repository?.baseBranch ?? null,
    ...chosenModel(config, repository, plan, executor),
    instructions: repository?.appendInstruction?.trim() || null,
    documentationPaths: repository?.documentationPaths ?? documentationDefault,
    allowedTools: allowed(config, repository, plan.procedure),
    disallowedTools: plan.procedure === 'scoper' ? [...disallowed, ...writingTools] : disallowed,
    timeoutMs: config.limits.attemptTimeoutMs,
    maxCost,
    executor,
    cloud: config.cloudRuns,
  };
}
