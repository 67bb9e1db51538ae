import { z } from 'zod';
import type { ModelPrice } from '../prices.ts';
import { type BillingConfig, billing } from './budgets.ts';
import { address, dollarLimit, dollars, filled, stringMap } from './pieces.ts';
import { type Strategy, strategy } from './strategies.ts';

export interface LinearConfig {
  readonly apiUrl: string;
  readonly token?: string;
  /** The first of a chain: each is good for one use, and the newest is kept in the home. */
  readonly refreshToken?: string;
  readonly clientId?: string;
  readonly clientSecret?: string;
  /** Absent: `/oauth` beside `apiUrl`. `/token` and `/revoke` are added. */
  readonly oauthUrl?: string;
  /** Absent: Linear's own page, or `/oauth/authorize` beside another `apiUrl`. */
  readonly authorizeUrl?: string;
  readonly webhookSecret?: string;
  readonly workspaceId?: string;
}
export const linear: z.ZodType<LinearConfig> = z.object({
  apiUrl: address.default('https://api.linear.app/graphql'),
  token: filled.exactOptional().describe('API key (lin_api_…) or access token of the app'),
  refreshToken: filled.exactOptional().describe('The first refresh token of the app; newer ones are kept in the home'),
  clientId: filled
    .exactOptional()
    .describe('Client id of the Linear application, for client credentials, refreshing and `cyrus linear login`'),
  clientSecret: filled.exactOptional(),
  oauthUrl: address.exactOptional().describe('Where tokens are made and revoked. Absent: /oauth beside apiUrl'),
  authorizeUrl: address.exactOptional().describe("Where a person allows the app. Absent: Linear's own page"),
  webhookSecret: filled.exactOptional().describe("The webhook's signing secret"),
  workspaceId: filled.exactOptional(),
});

/** Credentials of one workspace where there are several; the key is the workspace's id. */
export interface LinearWorkspaceConfig {
  readonly linearToken?: string;
  /** The first of a chain, as `linear.refreshToken`. */
  readonly linearRefreshToken?: string;
  readonly webhookSecret?: string;
  readonly linearWorkspaceSlug?: string;
  readonly linearWorkspaceName?: string;
}
export const linearWorkspace: z.ZodType<LinearWorkspaceConfig> = z.object({
  linearToken: filled.exactOptional(),
  linearRefreshToken: filled.exactOptional().describe('The first refresh token; newer ones are kept in the home'),
  webhookSecret: filled.exactOptional(),
  linearWorkspaceSlug: z.string().exactOptional(),
  linearWorkspaceName: z.string().exactOptional(),
});

/** A GitHub App of the user's own; one of the two keys is there. */
export interface GithubAppConfig {
  readonly appId: string | number;
  /** PEM. */
  readonly privateKey?: string;
  readonly privateKeyPath?: string;
  /** Absent: found by the repository. */
  readonly installationId?: number;
}
const githubApp: z.ZodType<GithubAppConfig> = z.object({
  appId: z
    .union([z.string().regex(/^\d+$/, 'the number of the app'), z.number().int().min(1)])
    .describe('The number of the app, as its settings show it'),
  privateKey: filled.exactOptional().describe('The private key itself, in PEM form'),
  privateKeyPath: z
    .string()
    .regex(/^(?:\/|~\/)/, 'an absolute path, or one that begins with ~/')
    .exactOptional()
    .describe('The .pem file with the private key'),
  installationId: z.number().int().min(1).exactOptional().describe('Absent: found by the repository'),
});

export interface GithubConfig {
  readonly apiUrl: string;
  readonly token?: string;
  /** Where it is there, `token` is not used. */
  readonly app?: GithubAppConfig;
  readonly webhookSecret?: string;
}
export const github: z.ZodType<GithubConfig> = z.object({
  apiUrl: address.default('https://api.github.com').describe('Of an Enterprise Server: https://HOST/api/v3'),
  token: filled.exactOptional(),
  app: githubApp.exactOptional().describe('A GitHub App in place of a token'),
  webhookSecret: filled.exactOptional(),
});

const maxParallel: z.ZodType<number> = z.number().int().min(1).max(1000).describe('Runs at once');

export interface ClaudeConfig {
  /** Absent: the agent's own default, https://api.anthropic.com. */
  readonly apiUrl?: string;
  readonly apiKey?: string;
  readonly auth: 'apiKey' | 'ownLogin';
  /** Absent: the agent that comes with Cyrus. */
  readonly binaryPath?: string;
  /** Runs at once; absent: as many as this machine takes. */
  readonly maxParallel?: number;
  /** Absent: `included` with `ownLogin`, else `list`. */
  readonly billing?: BillingConfig;
  /** Of models that no list has, or that cost something else. */
  readonly prices?: Readonly<Record<string, ModelPrice>>;
}

const perMillion: z.ZodType<number> = z.number().min(0).max(100_000);
const modelPrice: z.ZodType<ModelPrice> = z.object({
  inputUsd: perMillion.describe('A million tokens of input'),
  outputUsd: perMillion.describe('A million tokens of output'),
  cacheReadUsd: perMillion.exactOptional().describe('Absent: as other input'),
  cacheWriteUsd: perMillion.exactOptional().describe('Absent: a quarter more than other input'),
});
export const claude: z.ZodType<ClaudeConfig> = z.object({
  apiUrl: address.exactOptional(),
  apiKey: filled.exactOptional(),
  auth: z.enum(['apiKey', 'ownLogin']).default('apiKey').describe("'ownLogin': a single user's own Claude login"),
  binaryPath: filled.exactOptional(),
  maxParallel: maxParallel.exactOptional(),
  billing: billing.exactOptional(),
  prices: z
    .record(filled, modelPrice)
    .exactOptional()
    .describe('What models cost that no price list has, or has otherwise: US dollars for a million tokens'),
});

export interface ModelByTaskType {
  readonly orchestrator?: string;
  readonly builder?: string;
  readonly debugger?: string;
  readonly scoper?: string;
  readonly documentation?: string;
}
export const modelByTaskType: z.ZodType<ModelByTaskType> = z.object({
  orchestrator: filled.exactOptional(),
  builder: filled.exactOptional(),
  debugger: filled.exactOptional(),
  scoper: filled.exactOptional(),
  documentation: filled.exactOptional(),
});

export interface CodegenConfig {
  readonly enabled: boolean;
  readonly orgId?: string | number;
  readonly apiToken?: string;
  readonly baseUrl: string;
  readonly strategy?: Strategy;
  /** US dollars; `null`: no limit. */
  readonly maxCostPerTask?: number | null;
  readonly maxCostPerDay?: number | null;
  readonly defaultModel?: string;
  readonly modelByTaskType?: ModelByTaskType;
  /** What one run is assumed to cost, in US dollars: the service reports none. */
  readonly estimatedCostPerRunUsd?: number;
  readonly features?: CodegenFeatures;
  /** Runs at once; absent: no limit of ours. */
  readonly maxParallel?: number;
  /** Codegen's numbers of repositories, by names such as `acme/app`. Others are looked up. */
  readonly repositories?: Readonly<Record<string, number>>;
  /** Between two looks at the runs. */
  readonly pollMs: number;
  /** For one call. */
  readonly timeoutMs: number;
}

export interface CodegenFeatures {
  /** False: one run at a time, whatever `maxParallel` says. */
  readonly parallelExecution?: boolean;
  /** False: agents are told to leave alone the MCP servers that the organisation has set up in Codegen. */
  readonly useMcpServers?: boolean;
  /** False: the logs of runs are not followed. */
  readonly enableTracing?: boolean;
}
const codegenFeatures: z.ZodType<CodegenFeatures> = z.object({
  parallelExecution: z.boolean().exactOptional().describe('false: one run at a time'),
  useMcpServers: z
    .boolean()
    .exactOptional()
    .describe('false: agents are told to leave alone the MCP servers that the organisation has set up in Codegen'),
  enableTracing: z.boolean().exactOptional().describe('false: the logs of runs are not followed as events'),
});

export const codegen: z.ZodType<CodegenConfig> = z.object({
  enabled: z.boolean().default(false),
  orgId: z
    .union([filled, z.number().int()])
    .exactOptional()
    .describe('A whole number, as Codegen shows it in the settings of the organisation'),
  apiToken: filled.exactOptional(),
  baseUrl: address
    .default('https://api.codegen.com')
    .describe('The hosted service was discontinued in January 2026; an installation of your own has another address'),
  strategy: strategy.exactOptional(),
  maxCostPerTask: dollarLimit.exactOptional().describe('US dollars'),
  maxCostPerDay: dollarLimit.exactOptional().describe('US dollars'),
  defaultModel: filled.exactOptional(),
  modelByTaskType: modelByTaskType.exactOptional(),
  estimatedCostPerRunUsd: dollars.exactOptional().describe('What one run is assumed to cost: the service reports none'),
  features: codegenFeatures.exactOptional(),
  maxParallel: maxParallel.exactOptional(),
  repositories: z
    .record(z.string(), z.number().int().min(1))
    .exactOptional()
    .describe('Codegen\'s numbers of repositories, by names such as "acme/app". Others are looked up'),
  pollMs: z.number().int().min(50).max(600_000).default(12_000).describe('Between two looks at the runs of the organisation'),
  timeoutMs: z.number().int().min(100).max(600_000).default(30_000).describe('For one call'),
});

export interface CursorConfig {
  readonly enabled: boolean;
  readonly apiKey?: string;
  readonly apiUrl: string;
  readonly defaultModel?: string;
  /** Gives Cursor the MCP servers of a repository (`mcpConfigPath`), with every secret in them. */
  readonly sendMcpServers: boolean;
  readonly estimatedCostPerRunUsd?: number;
  /** Runs at once; absent: no limit of ours. */
  readonly maxParallel?: number;
}
export const cursor: z.ZodType<CursorConfig> = z.object({
  enabled: z.boolean().default(false),
  apiKey: filled.exactOptional().describe('From cursor.com/dashboard; or CURSOR_API_KEY'),
  apiUrl: address.default('https://api.cursor.com').describe('Of the Cloud Agents API'),
  defaultModel: filled
    .exactOptional()
    .describe("For tasks without a model, or with one Cursor does not have. Absent: the account's default"),
  sendMcpServers: z
    .boolean()
    .default(false)
    .describe(
      'true: Cursor is given the MCP servers of a repository, with every secret in them. false: work of such a repository stays elsewhere',
    ),
  estimatedCostPerRunUsd: dollars.exactOptional().describe('What one run is assumed to cost until Cursor says it'),
  maxParallel: maxParallel.exactOptional(),
});

/** What a command can do; decisions go by it. */
export interface CustomCapabilitiesConfig {
  readonly steer?: boolean;
  readonly resume?: boolean;
  readonly cost?: 'money' | 'tokens' | 'none';
  readonly perRunModel?: boolean;
  readonly perRunMcp?: boolean;
}
const customCapabilities: z.ZodType<CustomCapabilitiesConfig> = z.object({
  steer: z.boolean().exactOptional().describe('It reads messages while it works. Default: true'),
  resume: z.boolean().exactOptional().describe('It goes on with an earlier conversation. Default: true'),
  cost: z.enum(['money', 'tokens', 'none']).exactOptional().describe("What its usage events tell. Default: 'money'"),
  perRunModel: z.boolean().exactOptional().describe('It works with the model it is told. Default: true'),
  perRunMcp: z.boolean().exactOptional().describe('It uses the MCP servers it is told. Default: true'),
});

/** An agent of the user's own: a command that speaks newline-delimited JSON over stdio. */
export interface CustomExecutorConfig {
  readonly command: string;
  readonly args: readonly string[];
  readonly readable?: readonly string[];
  readonly capabilities?: CustomCapabilitiesConfig;
  readonly environmentVariables?: Readonly<Record<string, string>>;
  readonly estimatedCostPerRunUsd?: number;
  /** Runs at once; absent: no limit of ours. */
  readonly maxParallel?: number;
}
export const customExecutor: z.ZodType<CustomExecutorConfig> = z.object({
  command: filled,
  args: z.array(z.string()).default([]),
  readable: z
    .array(filled)
    .exactOptional()
    .describe("Host paths it needs to read beside the command's own directory and the system: its scripts and libraries"),
  capabilities: customCapabilities.exactOptional().describe('What it can do, where that is less than everything'),
  environmentVariables: stringMap.exactOptional(),
  estimatedCostPerRunUsd: dollars.exactOptional().describe('What a run is assumed to cost where the agent reports no cost'),
  maxParallel: maxParallel.exactOptional(),
});

/** What agents may do in the tracker, beside what Cyrus itself writes there. */
export interface AgentToolsConfig {
  /** False: agents have no tools for Linear. */
  readonly linear: boolean;
  /** Calls of one attempt, reads and writes. */
  readonly maxCalls: number;
  /** Sub-issues that the agents of one task may create; 0: none. */
  readonly maxSubIssues: number;
  /** How deep sub-issues may lie below the topmost issue. */
  readonly maxDepth: number;
}
export const agentTools: z.ZodType<AgentToolsConfig> = z.object({
  linear: z.boolean().default(true).describe('false: agents have no tools for Linear'),
  maxCalls: z.number().int().min(0).max(10_000).default(50).describe('Calls of one attempt'),
  maxSubIssues: z.number().int().min(0).max(100).default(5).describe('Sub-issues that one task may create'),
  maxDepth: z.number().int().min(0).max(20).default(3).describe('How deep sub-issues may lie below the topmost issue'),
});
