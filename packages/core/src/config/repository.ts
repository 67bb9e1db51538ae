import { z } from 'zod';
import { type RepositoryBudgets, repositoryBudgets } from './budgets.ts';
import { sparse } from './checkouts.ts';
import {
  filled,
  milliseconds,
  type PullRequestConfig,
  pullRequest,
  stringMap,
  type ToolPreset,
  toolRules,
  toolSelection,
  type UserAccessConfig,
  userAccess,
  type VerifyConfig,
  verify,
} from './pieces.ts';
import { type EgressConfig, egress } from './sandbox.ts';

/** Labels that choose a procedure, with the tools it gets; the short form is the labels alone. */
export type LabelPrompt =
  | readonly string[]
  | {
      readonly labels: readonly string[];
      readonly allowedTools?: readonly string[] | ToolPreset;
      readonly disallowedTools?: readonly string[];
    };

export interface LabelPrompts {
  readonly debugger?: LabelPrompt;
  readonly builder?: LabelPrompt;
  readonly scoper?: LabelPrompt;
  readonly documentation?: LabelPrompt;
  readonly orchestrator?: LabelPrompt;
}

/** One repository Cyrus works on. At least one of `repositoryPath` and `remoteUrl` is there. */
export interface RepositoryConfig {
  readonly id: string;
  readonly name?: string;
  /** A checkout on this machine. It is read, never changed. */
  readonly repositoryPath?: string;
  readonly remoteUrl?: string;
  /** Absent: the remote's default branch. */
  readonly baseBranch?: string;
  /** False: known, but gets no work. */
  readonly isActive: boolean;
  readonly linearWorkspaceId?: string;
  readonly linearToken?: string;
  readonly linearRefreshToken?: string;
  readonly githubToken?: string;
  readonly allowedTools?: readonly string[];
  readonly disallowedTools?: readonly string[];
  readonly environmentVariables?: Readonly<Record<string, string>>;
  readonly model?: string;
  readonly fallbackModel?: string;
  /** Executor id; comes before the strategy. Absent: the configuration's `executor`. */
  readonly executor?: string;
  /** Attempts at once in this repository; absent: no limit of its own. */
  readonly maxParallelTasks?: number;
  readonly appendInstruction?: string;
  /** What a documentation task may change. Default: every Markdown file, and what lies in `docs/`. */
  readonly documentationPaths?: readonly string[];
  /** Files like `.mcp.json`, on this machine. Relative: below the home. */
  readonly mcpConfigPath?: string | readonly string[];
  readonly teamKeys?: readonly string[];
  readonly projectKeys?: readonly string[];
  readonly routingLabels?: readonly string[];
  readonly labelPrompts?: LabelPrompts;
  readonly userAccessControl?: UserAccessConfig;
  readonly setup?: { readonly command: string; readonly timeoutMs?: number };
  /** Hosts it needs beside those of the whole configuration. */
  readonly sandbox?: EgressConfig;
  /** Run before a checkout is deleted; whatever it does, the checkout is deleted. */
  readonly teardown?: { readonly command: string; readonly timeoutMs?: number };
  readonly verify?: VerifyConfig;
  /** `fetch`: large files are fetched and pushed by git-lfs; `pointers`: work goes on with their pointer files. Default `fetch`. */
  readonly lfs?: 'fetch' | 'pointers';
  /** False: work goes on without the submodules. */
  readonly submodules?: boolean;
  /** Checkouts hold these directories and the files beside and above them; absent: everything. */
  readonly sparse?: readonly string[];
  readonly pullRequest?: PullRequestConfig;
  /** In place of those of the whole configuration. */
  readonly budgets?: RepositoryBudgets;
  /** The workflow state after success, by name. */
  readonly onSuccess?: { readonly state?: string };
}

const names = z.array(filled);
const labelPrompt: z.ZodType<LabelPrompt> = z.union([
  names,
  z.object({ labels: names, allowedTools: toolSelection.exactOptional(), disallowedTools: toolRules.exactOptional() }),
]);

export const repository: z.ZodType<RepositoryConfig> = z.object({
  id: filled.describe('A name of your choice, unique in this file'),
  name: filled.exactOptional(),
  repositoryPath: filled.exactOptional().describe('A checkout on this machine. It is read, never changed'),
  remoteUrl: filled.exactOptional().describe('Where to clone from, where there is no checkout on this machine'),
  baseBranch: filled.exactOptional().describe("Absent: the remote's default branch"),
  isActive: z.boolean().default(true),
  linearWorkspaceId: filled.exactOptional(),
  linearToken: filled.exactOptional(),
  linearRefreshToken: filled.exactOptional(),
  githubToken: filled.exactOptional(),
  allowedTools: toolRules.exactOptional().describe('Absent: every tool. Present: these only'),
  disallowedTools: toolRules.exactOptional(),
  environmentVariables: stringMap.exactOptional().describe('Given to the agent and to setup and check commands'),
  model: filled.exactOptional(),
  fallbackModel: filled.exactOptional(),
  executor: filled.exactOptional().describe('Executor id; comes before the strategy. Absent: `executor` of the whole configuration'),
  maxParallelTasks: z.number().int().min(1).max(1000).exactOptional().describe('Tasks at once in this repository'),
  appendInstruction: z.string().exactOptional().describe("Added to every agent's instructions"),
  documentationPaths: names.exactOptional().describe('What a documentation task may change. Absent: **/*.md and docs/**'),
  mcpConfigPath: z
    .union([filled, names])
    .exactOptional()
    .describe('Files like .mcp.json with MCP servers for its agents; of two servers with one name the later counts'),
  teamKeys: names.exactOptional().describe("Issues of these Linear teams belong here: 'ENG'"),
  projectKeys: names.exactOptional(),
  routingLabels: names.exactOptional(),
  labelPrompts: z
    .object({
      debugger: labelPrompt.exactOptional(),
      builder: labelPrompt.exactOptional(),
      scoper: labelPrompt.exactOptional(),
      documentation: labelPrompt.exactOptional(),
      orchestrator: labelPrompt.exactOptional(),
    })
    .exactOptional()
    .describe('Labels that choose the kind of work'),
  userAccessControl: userAccess.exactOptional(),
  setup: z
    .object({ command: filled, timeoutMs: milliseconds.exactOptional() })
    .exactOptional()
    .describe('Run once in every new checkout, before the agent'),
  sandbox: egress.exactOptional().describe('Hosts it needs beside those of the whole configuration'),
  teardown: z
    .object({ command: filled, timeoutMs: milliseconds.exactOptional() })
    .exactOptional()
    .describe('Run before a checkout is deleted'),
  verify: verify.exactOptional(),
  lfs: z
    .enum(['fetch', 'pointers'])
    .exactOptional()
    .describe('Large files of Git LFS: "fetch" (the default) gets them with git-lfs, "pointers" works with their pointer files'),
  submodules: z.boolean().exactOptional().describe('false: work goes on without the submodules'),
  sparse: sparse.exactOptional().describe('Checkouts hold only these directories, and the files beside and above them'),
  pullRequest: pullRequest.exactOptional(),
  budgets: repositoryBudgets.exactOptional().describe('In place of those of the whole configuration'),
  onSuccess: z.object({ state: filled.exactOptional() }).exactOptional(),
});
