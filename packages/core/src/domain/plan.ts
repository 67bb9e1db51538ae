import type { Instant } from '../clock.ts';
import type { Failure } from '../failure.ts';
import type { AttemptState, PlanState, TaskState } from '../states.ts';

export type Procedure = 'debugger' | 'builder' | 'scoper' | 'orchestrator';

/** What a person asked for in the issue itself: `[agent=…]`, `[model=…]`. */
export interface PlanOptions {
  readonly agent?: string;
  readonly model?: string;
}

export interface PullRequestRef {
  readonly number: number;
  readonly url: string;
}

export interface Plan {
  readonly id: string;
  readonly issueId: string;
  readonly number: number;
  readonly state: PlanState;
  readonly procedure: Procedure;
  readonly repositoryId: string;
  readonly baseBranch: string | null;
  readonly branch: string;
  readonly startSha: string | null;
  readonly headSha: string | null;
  readonly pushedSha: string | null;
  readonly pullRequest: PullRequestRef | null;
  readonly follows: string | null;
  readonly routeReason: string | null;
  readonly options: PlanOptions;
  readonly createdAt: Instant;
}

export interface PlanMessage {
  readonly n: number;
  readonly sessionId: string;
  readonly seq: number;
  readonly authorName: string | null;
  readonly body: string;
  readonly delivered: boolean;
  /** When it was said. Messages are numbered as they arrive; a late one may have been said earlier. */
  readonly at: Instant;
}

export interface Check {
  readonly command: string;
  readonly exitCode: number | null;
  readonly durationMs: number;
  readonly output: string;
}

/** What verification found. `not_run` is neither good nor bad news: it says why nothing could be checked. */
export interface Verdict {
  readonly verdict: 'passed' | 'failed' | 'not_run';
  readonly reason?: string;
  readonly checks: readonly Check[];
  /** Files that define the checks and were changed by the work: those of the base commit were used instead. */
  readonly restored?: readonly string[];
}

export interface Task {
  readonly id: string;
  readonly planId: string;
  readonly key: string;
  readonly procedure: Procedure;
  readonly prompt: string;
  readonly state: TaskState;
  readonly attempts: number;
  readonly notBefore: Instant | null;
  readonly learned: string | null;
  readonly headSha: string | null;
  readonly checks: Verdict | null;
  readonly output: string | null;
}

export interface FileChange {
  readonly path: string;
  readonly status: string;
  readonly insertions: number;
  readonly deletions: number;
}

/** What git says of an attempt's work, read from the mirror. */
export interface Evidence {
  readonly commits: readonly { readonly sha: string; readonly subject: string }[];
  readonly files: readonly FileChange[];
  readonly insertions: number;
  readonly deletions: number;
}

/** Where an attempt works, as its preparation found it. */
export interface CheckoutInfo {
  readonly directory: string;
  readonly baseBranch: string;
  readonly baseSha: string;
  readonly startSha: string;
  readonly reused: boolean;
  /** Check commands found in the base commit, and where. */
  readonly detected: { readonly commands: readonly string[]; readonly from: string } | null;
  /** The repository's CLAUDE.md or AGENTS.md at the base commit. */
  readonly context: string | null;
  readonly readable: readonly string[];
}

export interface Attempt {
  readonly id: string;
  readonly taskId: string;
  readonly planId: string;
  readonly number: number;
  readonly state: AttemptState;
  readonly executorId: string;
  readonly conversationId: string | null;
  readonly messageN: number;
  readonly steeredN: number;
  readonly deliveredN: number;
  readonly checkout: CheckoutInfo | null;
  readonly headSha: string | null;
  readonly evidence: Evidence | null;
  readonly output: string | null;
  readonly failure: Failure | null;
  readonly startedAt: Instant | null;
  readonly progressAt: Instant | null;
  readonly createdAt: Instant;
}
