import { z } from 'zod';

/** What the service's answers hold of what is read here. Nearly everything may be null or absent, and more may be there. */

const words = z.string().nullish();

const pullRequest = z.object({ id: z.number(), url: words, head_branch_name: words });

const run = z.object({
  id: z.number().int(),
  status: words,
  created_at: words,
  web_url: words,
  result: words,
  summary: words,
  github_pull_requests: z.array(pullRequest).nullish(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
});

const entry = z.object({
  created_at: words,
  tool_name: words,
  message_type: words,
  thought: words,
  observation: z.union([z.string(), z.record(z.string(), z.unknown())]).nullish(),
  tool_input: z.record(z.string(), z.unknown()).nullish(),
  tool_output: z.record(z.string(), z.unknown()).nullish(),
});

const page = <T extends z.ZodType>(item: T): z.ZodObject<{ items: z.ZodArray<T>; total: z.ZodNumber }> =>
  z.object({ items: z.array(item), total: z.number() });

/** `AgentRunResponse` */
export interface CodegenRun {
  readonly id: number;
  /** Upper case; new words appear without notice. */
  readonly status?: string | null | undefined;
  readonly created_at?: string | null | undefined;
  /** The service's own page of the run. */
  readonly web_url?: string | null | undefined;
  readonly result?: string | null | undefined;
  readonly summary?: string | null | undefined;
  readonly github_pull_requests?: readonly CodegenPullRequest[] | null | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | null | undefined;
}

export interface CodegenPullRequest {
  readonly id: number;
  readonly url?: string | null | undefined;
  readonly head_branch_name?: string | null | undefined;
}

/** `AgentRunLogResponse` */
export interface CodegenLogEntry {
  readonly created_at?: string | null | undefined;
  readonly tool_name?: string | null | undefined;
  readonly message_type?: string | null | undefined;
  readonly thought?: string | null | undefined;
  readonly observation?: string | Readonly<Record<string, unknown>> | null | undefined;
  readonly tool_input?: Readonly<Record<string, unknown>> | null | undefined;
  readonly tool_output?: Readonly<Record<string, unknown>> | null | undefined;
}

/** `AgentRunWithLogsResponse` */
export interface CodegenLogs {
  readonly logs: readonly CodegenLogEntry[];
  readonly total_logs?: number | null | undefined;
}

/** `RepoResponse` */
export interface CodegenRepository {
  readonly id: number;
  readonly full_name: string;
}

export interface CodegenUser {
  readonly github_username: string;
  readonly full_name?: string | null | undefined;
}

export interface CodegenOrganisation {
  readonly id: number;
  readonly name: string;
}

export interface CodegenPage<T> {
  readonly items: readonly T[];
  readonly total: number;
}

export const runShape: z.ZodType<CodegenRun> = run;
export const runsShape: z.ZodType<CodegenPage<CodegenRun>> = page(run);
export const logsShape: z.ZodType<CodegenLogs> = z.object({ logs: z.array(entry), total_logs: z.number().nullish() });
export const repositoriesShape: z.ZodType<CodegenPage<CodegenRepository>> = page(z.object({ id: z.number().int(), full_name: z.string() }));
export const userShape: z.ZodType<CodegenUser> = z.object({ github_username: z.string(), full_name: words });
export const organisationsShape: z.ZodType<CodegenPage<CodegenOrganisation>> = page(z.object({ id: z.number().int(), name: z.string() }));
export const nothingShape: z.ZodType<unknown> = z.unknown();
