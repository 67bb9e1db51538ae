import type { Instant } from '../clock.ts';
import type { Failure } from '../failure.ts';
import type { AttemptState, PlanState, TaskState } from '../states.ts';

export const procedures = ['debugger', 'builder', 'scoper', 'documentation', 'orchestrator'] as const;
export type Procedure = (typeof procedures)[number];

/** What a person asked for in the issue itself: `[agent=…]`, `[model=…]`. */
export interface PlanOptions {
  readonly agent?: string;
  readonly model?: string;
  /** No person began this: triage and assignment stay with people. */
  readonly automated?: boolean;
}

export interface PullRequestRef {
  readonly number: number;
  readonly url: string;
  /** As the code host told last; absent: open as far as is known. */
  readonly state?: 'open' | 'merged' | 'closed';
  /** The commit whose checks are waited for; absent: nobody waits. */
  readonly checksOf?: string;
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
  /** Why it waits, and the state it goes back to; null unless parked. */
  readonly parkedReason: ParkedReason | null;
  readonly parkedFrom: 'drafting' | 'running' | null;
  /** When it looks again by itself. */
  readonly parkedUntil: Instant | null;
  readonly createdAt: Instant;
}

/** `paused`: a person asked for it. `blocked`: other issues are to be finished first. */
export type ParkedReason = 'paused' | 'blocked';

export interface PlanMessage {
  readonly n: number;
  readonly sessionId: string;
  readonly seq: number;
  readonly authorName: string | null;
  readonly body: string;
  readonly delivered: boolean;
  /** When it was said. Messages are numbered as they arrive; a late one may have been said earlier. */
  readonly at: Instant;
  /** An order to the orchestrator, such as a pause: no agent reads it. */
  readonly command: boolean;
}

/** What an agent asked the person. */
export interface AgentQuestion {
  readonly question: string;
  readonly options?: readonly string[];
}

/** A run that ended before its work did, on purpose. */
export type Interruption = { readonly kind: 'pause' } | ({ readonly kind: 'question' } & AgentQuestion);

export interface Check {
  readonly command: string;
  readonly exitCode: number | null;
  readonly durationMs: number;
  readonly output: string;
  /** It ran on the code host, with the pull request. Absent: here. */
  readonly elsewhere?: true;
}

/** What verification found. `not_run` is neither good nor bad news: it says why nothing could be checked. */
export interface Verdict {
  readonly verdict: 'passed' | 'failed' | 'not_run';
  readonly reason?: string;
  readonly checks: readonly Check[];
  /** Files that define the checks and were changed by the work: those of the base commit were used instead. */
  readonly restored?: readonly string[];
}

/** An executor that a task is not given to, and why: it failed there. */
export interface RuledOut {
  readonly executorId: string;
  readonly why: string;
  /** When it may be given to it again; null: not before a person decides. */
  readonly until: Instant | null;
}

/** How far the failures of a task have gone since a person last decided. */
export interface FailureChain {
  /** Attempts up to this number no longer count. */
  readonly from: number;
  /** Check sets that failed, on which commit, and whose work that was. */
  readonly checks: readonly { readonly sha: string; readonly failing: string; readonly executorId: string }[];
  /** Merges that ended in a conflict. */
  readonly conflicts: number;
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
  readonly ruledOut: readonly RuledOut[];
  /** Null: nothing failed yet. */
  readonly chain: FailureChain | null;
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
  /** Submodules that point elsewhere than at the base; null: not there. Their own commits are not pushed. */
  readonly submodules?: readonly { readonly path: string; readonly from: string | null; readonly to: string | null }[];
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
  /** The template that replaces the procedure's built-in one, and where it is from. */
  readonly template?: { readonly text: string; readonly from: string };
  /** What people attached to the issue; absent: there is nothing. For the agent's prompt. */
  readonly attached?: AttachedFiles;
  /** `cyrus-setup.sh`, where the base commit has it and the configuration names no setup command. */
  readonly setupScript?: string;
  /** Whether setup has been run in it to its end. */
  readonly setUp?: boolean;
  /** Files of the user's own checkout that were copied into it, and those that were not, with the reason. */
  readonly copied?: { readonly files: readonly string[]; readonly skipped: readonly { readonly path: string; readonly reason: string }[] };
  /** What a person should know of it: pointer files in place of large ones, submodules that are not there. */
  readonly remarks?: readonly string[];
  /** Nothing is checked out here (`directory` is empty): the work is done elsewhere. */
  readonly remote?: RemoteStart;
}

/** Where a run elsewhere begins, and where it is to put its work. */
export interface RemoteStart {
  /** Without credentials. */
  readonly repositoryUrl: string;
  /** `acme/app`, where the code host has such names. */
  readonly repositoryName?: string;
  readonly startBranch: string;
  readonly startSha: string;
  /** A branch of this attempt alone, never the plan's. */
  readonly pushBranch: string;
  /** `startBranch` is not on the remote: `startSha` is pushed to it before the run begins. */
  readonly unpushed?: boolean;
  /** Which branches the remote had before, as `keepBranches` writes them: what the run made is told from what others made. */
  readonly branchesBefore?: string;
}

/** A run that lives elsewhere, as far as it is known here. */
export interface AttemptRun {
  /** Agent jobs so far; the newest one follows the run. */
  readonly jobs: number;
  /** It is not known whether there is a run: how long it is looked for. */
  readonly lookUntil?: Instant;
  /** The attempt is over and a run of it may still turn up: until when it is looked for, to be stopped. */
  readonly huntUntil?: Instant;
  /** What became of the stop that was asked for; `unknown`: there may be a run that could not be asked. */
  readonly stop?: 'confirmed' | 'requested' | 'unsupported' | 'unknown';
  /** A second run of the attempt, which nobody waited for any more when it turned up, and what became of its stop. */
  readonly late?: { readonly runId: string; readonly url?: string; readonly stop: NonNullable<AttemptRun['stop']> };
  /** The run's own branch and pull request, and the head that was taken from there. */
  readonly branch?: string;
  readonly branchSha?: string;
  readonly pullRequestUrl?: string;
}

/** Files that people uploaded to the tracker with the issue, its comments and messages. */
export interface AttachedFiles {
  /** In the agent's reach, read-only. An image is among them; the agent's Read tool shows it. */
  readonly files: readonly {
    /** Absolute. */
    readonly path: string;
    /** As people named it. */
    readonly name: string;
    /** By its content: `image/png`, `text/plain`, `application/octet-stream`. */
    readonly mediaType: string;
    readonly bytes: number;
    /** The address that texts name it by. */
    readonly url: string;
  }[];
  /** What could not be fetched, and why in words. */
  readonly missing: readonly { readonly url: string; readonly name: string; readonly why: string }[];
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
  readonly interruption: Interruption | null;
  /** The executor's own name of the run. */
  readonly runRef?: { readonly executorId: string; readonly runId: string; readonly url?: string } | null;
  readonly run?: AttemptRun | null;
  readonly startedAt: Instant | null;
  readonly progressAt: Instant | null;
  readonly createdAt: Instant;
}
