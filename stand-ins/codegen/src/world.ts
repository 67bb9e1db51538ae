import type { Step } from './script.ts';

/** An entry of a run's log, as it is told. */
export interface LogEntry {
  readonly agent_run_id: number;
  readonly created_at: string;
  readonly tool_name: string | null;
  readonly message_type: string | null;
  readonly thought: string | null;
  readonly observation: Readonly<Record<string, unknown>> | string | null;
  readonly tool_input: Readonly<Record<string, unknown>> | null;
  readonly tool_output: Readonly<Record<string, unknown>> | null;
}

export interface PullRequest {
  readonly id: number;
  readonly title: string;
  readonly url: string;
  readonly created_at: string;
  readonly head_branch_name: string;
  /** By the service's clock: told of only from some time after. */
  readonly openedAt: number;
}

export interface Run {
  readonly id: number;
  readonly organisationId: number;
  readonly repository: Repository | undefined;
  /** By the service's clock. */
  readonly createdAt: number;
  /** Not there before, whoever asks. */
  readonly visibleAt: number;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly model: string | null;
  readonly images: readonly string[];
  /** The first prompt, then those it was resumed with. */
  readonly prompts: string[];
  readonly log: LogEntry[];
  readonly pullRequests: PullRequest[];
  status: string | null;
  result: string | null;
  summary: string | null;
  /** The branch it pushed last. */
  branch: string | null;
  checksIgnored: boolean;
  steps: readonly Step[];
  /** Aborted to stop what it does. */
  stop: AbortController;
  /** Resolves when it does nothing any more. */
  playing: Promise<void>;
}

export interface Repository {
  readonly id: number;
  /** `acme/app` */
  readonly fullName: string;
  /** What git is told, credentials included; absent: pushes go nowhere. */
  readonly remote?: string;
}

export const endedStatuses: readonly string[] = [
  'COMPLETE',
  'ERROR',
  'FAILED',
  'CANCELLED',
  'STOPPED',
  'TIMEOUT',
  'MAX_ITERATIONS_REACHED',
  'OUT_OF_TOKENS',
];
