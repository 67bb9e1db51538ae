import { z } from 'zod';
import { type BudgetsConfig, budgets, resolveBudgets } from './budgets.ts';
import { type CheckoutsConfig, checkouts } from './checkouts.ts';
import { type CloudRunsConfig, cloudRuns } from './cloud-runs.ts';
import { type FallbackConfig, fallback } from './fallback.ts';
import {
  type LogFilesConfig,
  logFiles,
  minFreeDiskMb,
  type ReconcileConfig,
  type RetentionConfig,
  reconcile,
  retention,
} from './keeping.ts';
import {
  dollarLimit,
  filled,
  milliseconds,
  type PullRequestConfig,
  pullRequest,
  type ToolPreset,
  toolRules,
  toolSelection,
  type UserAccessConfig,
  userAccess,
  type VerifyConfig,
  verify,
} from './pieces.ts';
import { type RepositoryConfig, repository } from './repository.ts';
import { type SandboxConfig, sandbox } from './sandbox.ts';
import {
  type AgentToolsConfig,
  agentTools,
  type ClaudeConfig,
  type CodegenConfig,
  type CursorConfig,
  type CustomExecutorConfig,
  claude,
  codegen,
  cursor,
  customExecutor,
  type GithubConfig,
  github,
  type LinearConfig,
  type LinearWorkspaceConfig,
  linear,
  linearWorkspace,
  type ModelByTaskType,
  modelByTaskType,
} from './services.ts';
import {
  type AnalysisConfig,
  analysis,
  type OrchestrationStrategyConfig,
  orchestrationStrategy,
  type Strategy,
  type StrategyOptionsConfig,
  strategy,
  strategyOptions,
} from './strategies.ts';

export type { RepositoryConfig } from './repository.ts';

export interface LimitsConfig {
  /** Absent: from this machine's cores and memory. */
  readonly maxParallelAgents?: number;
  /** Another name of `budgets.perTaskUsd`, which has the value that counts. */
  readonly maxCostPerTaskUsd?: number | null;
  /** Another name of `budgets.perDayUsd`. */
  readonly maxCostPerDayUsd?: number | null;
  readonly maxAttemptsPerTask: number;
  readonly attemptTimeoutMs: number;
  readonly verifyTimeoutMs: number;
  readonly setupTimeoutMs: number;
  /** Levels of issues below one that is worked on. */
  readonly maxIssueDepth: number;
  /** Issues made by agents that are worked on at once under one parent. */
  readonly maxAgentIssues: number;
  readonly teardownTimeoutMs: number;
  /** The largest file that work may hold; code hosts refuse larger ones. */
  readonly maxFileMb: number;
}
const limits: z.ZodType<LimitsConfig> = z.object({
  maxParallelAgents: z.number().int().min(1).max(1000).exactOptional().describe("Absent: from this machine's cores and memory"),
  maxCostPerTaskUsd: dollarLimit.exactOptional().describe('Another name of budgets.perTaskUsd; the stricter counts'),
  maxCostPerDayUsd: dollarLimit.exactOptional().describe('Another name of budgets.perDayUsd; the stricter counts'),
  maxAttemptsPerTask: z.number().int().min(1).max(100).default(3),
  attemptTimeoutMs: milliseconds.default(3_600_000),
  verifyTimeoutMs: milliseconds.default(1_200_000),
  setupTimeoutMs: milliseconds.default(300_000),
  maxIssueDepth: z.number().int().min(1).max(10).default(3).describe('Levels of issues below one that is worked on'),
  maxAgentIssues: z.number().int().min(1).max(1000).default(20).describe('Issues made by agents, worked on at once under one parent'),
  teardownTimeoutMs: milliseconds.default(60_000),
  maxFileMb: z.number().min(0.001).max(100_000).default(100).describe('The largest file that work may hold'),
});

/** Tools of a procedure where the repository says nothing. */
export interface PromptDefaults {
  readonly allowedTools?: readonly string[] | ToolPreset;
  readonly disallowedTools?: readonly string[];
}
const promptDefaults: z.ZodType<PromptDefaults> = z.object({
  allowedTools: toolSelection.exactOptional(),
  disallowedTools: toolRules.exactOptional(),
});

/** The whole `config.json`, defaults filled in, environment applied. Money is in US dollars, as people write it. */
export interface Config {
  readonly repositories: readonly RepositoryConfig[];
  readonly linear: LinearConfig;
  readonly linearWorkspaces: Readonly<Record<string, LinearWorkspaceConfig>>;
  readonly github: GithubConfig;
  readonly claude: ClaudeConfig;
  readonly codegen?: CodegenConfig;
  readonly cursor?: CursorConfig;
  /** Executors of the user's own, by id. */
  readonly executors: Readonly<Record<string, CustomExecutorConfig>>;
  /** The executor that gets a task where nothing else decides. */
  readonly executor: string;
  /** Where work goes. Absent in the file: `codegen.strategy`, else `local-only`. */
  readonly strategy: Strategy;
  readonly strategyOptions: StrategyOptionsConfig;
  readonly orchestrationStrategy?: OrchestrationStrategyConfig;
  /** Absent: what a task is taken for is told from its issue by rules alone. */
  readonly analysis?: AnalysisConfig;
  readonly fallback: FallbackConfig;
  readonly defaultModel?: string;
  readonly defaultFallbackModel?: string;
  readonly modelByTaskType?: ModelByTaskType;
  readonly defaultAllowedTools?: readonly string[];
  readonly defaultDisallowedTools?: readonly string[];
  readonly promptDefaults?: {
    readonly debugger?: PromptDefaults;
    readonly builder?: PromptDefaults;
    readonly scoper?: PromptDefaults;
    readonly documentation?: PromptDefaults;
    readonly orchestrator?: PromptDefaults;
  };
  /** Templates that replace the built-in prompts for every repository. Absent: `prompts` in the home. */
  readonly promptsDirectory?: string;
  readonly agentTools: AgentToolsConfig;
  readonly userAccessControl?: UserAccessConfig;
  /** Tells a running agent about edits of its issue. */
  readonly issueUpdateTrigger: boolean;
  readonly server: { readonly host: string; readonly port: number; readonly apiToken?: string };
  readonly database?: { readonly url: string };
  readonly limits: LimitsConfig;
  readonly budgets: BudgetsConfig;
  readonly verify?: VerifyConfig;
  /** For repositories that say nothing themselves. */
  readonly pullRequest?: PullRequestConfig;
  /** How long agents may go on after the first SIGTERM. */
  readonly drainMs: number;
  readonly allowUnsandboxed: boolean;
  readonly sandbox: SandboxConfig;
  readonly features: Readonly<Record<string, boolean>>;
  /** Workflow states by name; absent: the first "started" state, the first one like "in review". */
  readonly stateOnStart?: string;
  readonly stateOnSuccess?: string;
  readonly stateOnMerge?: string;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly checkouts: CheckoutsConfig;
  readonly cloudRuns: CloudRunsConfig;
  readonly logFiles: LogFilesConfig;
  readonly reconcile: ReconcileConfig;
  readonly retention: RetentionConfig;
  /** Below this much free space new work waits. */
  readonly minFreeDiskMb: number;
}

export const configSchema: z.ZodType<Config> = z
  .object({
    $schema: z.string().exactOptional(),
    repositories: z.array(repository).default([]).describe('The repositories Cyrus works on'),
    linear: z.prefault(linear, {}),
    linearWorkspaces: z
      .record(z.string(), linearWorkspace)
      .default({})
      .describe("Several Linear workspaces, each under its workspace's id"),
    github: z.prefault(github, {}),
    claude: z.prefault(claude, {}),
    codegen: codegen.exactOptional(),
    cursor: cursor.exactOptional(),
    executors: z.record(z.string(), customExecutor).default({}).describe('Agents of your own: a command each, under an id you choose'),
    executor: filled.default('claude').describe('The executor that gets a task where nothing else decides'),
    strategy: strategy.exactOptional().describe('Where work goes. Absent: codegen.strategy, else local-only'),
    strategyOptions: z.prefault(strategyOptions, {}).describe('What cost-optimized weighs executors by'),
    analysis: analysis.exactOptional().describe('A cheap model has a look at each new issue'),
    orchestrationStrategy: orchestrationStrategy.exactOptional().describe('Rules of your own for where work goes'),
    fallback: z.prefault(fallback, {}).describe('What is preferred when an executor fails'),
    defaultModel: filled.exactOptional(),
    defaultFallbackModel: filled.exactOptional().describe('Used when the model is unknown or overloaded'),
    modelByTaskType: modelByTaskType.exactOptional(),
    defaultAllowedTools: toolRules.exactOptional().describe('For repositories without allowedTools'),
    defaultDisallowedTools: toolRules.exactOptional(),
    promptDefaults: z
      .object({
        debugger: promptDefaults.exactOptional(),
        builder: promptDefaults.exactOptional(),
        scoper: promptDefaults.exactOptional(),
        documentation: promptDefaults.exactOptional(),
        orchestrator: promptDefaults.exactOptional(),
      })
      .exactOptional(),
    promptsDirectory: filled
      .exactOptional()
      .describe('Templates that replace the built-in prompts, such as builder.md. Relative to the home. Absent: prompts'),
    agentTools: z.prefault(agentTools, {}).describe('What agents may do in Linear'),
    userAccessControl: userAccess.exactOptional(),
    issueUpdateTrigger: z.boolean().default(true).describe('Edits of an issue are told to the agent that works on it'),
    server: z.prefault(
      z.object({
        host: filled.default('127.0.0.1'),
        port: z.number().int().min(0).max(65_535).default(3456).describe('0: any free port'),
        apiToken: z.string().min(16).exactOptional().describe('Opens /api/v1 to whoever sends it as a bearer token'),
      }),
      {},
    ),
    database: z.object({ url: filled }).exactOptional().describe('A Postgres of your own. Absent: the one that comes with Cyrus'),
    limits: z.prefault(limits, {}),
    budgets: budgets.exactOptional().describe('What may be spent, in US dollars. null: no limit; 0: nothing'),
    verify: verify.exactOptional(),
    pullRequest: pullRequest.exactOptional(),
    drainMs: z.number().int().min(0).max(3_600_000).default(30_000).describe('How long agents may go on after the first SIGTERM'),
    allowUnsandboxed: z
      .boolean()
      .default(false)
      .describe('Run agents without isolation where this machine offers none and sandbox.isolation asks for none by name'),
    sandbox: z.prefault(sandbox, {}),
    features: z.record(z.string(), z.boolean()).default({}),
    stateOnStart: filled.exactOptional().describe('Workflow state of an issue when work begins, by name'),
    stateOnSuccess: filled.exactOptional().describe('Workflow state of an issue after success, by name'),
    stateOnMerge: filled
      .exactOptional()
      .describe('Workflow state of an issue whose pull request people merged, by name. Absent: Cyrus leaves it'),
    logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
    checkouts: z.prefault(checkouts, {}).describe('Working copies: how they are made ready and when their space is taken back'),
    cloudRuns: z.prefault(cloudRuns, {}).describe('How long is waited for what a cloud executor may tell late'),
    logFiles: z.prefault(logFiles, {}),
    reconcile: z.prefault(reconcile, {}).describe('What is done about webhooks that were lost'),
    retention: z.prefault(retention, {}).describe('How long what is over is kept, in days'),
    minFreeDiskMb,
  })
  .transform(({ $schema: _, ...config }) => ({
    ...config,
    strategy: config.strategy ?? config.codegen?.strategy ?? 'local-only',
    budgets: resolveBudgets(config),
  }));
