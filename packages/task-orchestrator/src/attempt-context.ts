import type { Instant } from 'cyrus-core/clock';
import type { Effects, Input } from 'cyrus-core/domain/effects';
import type { Issue } from 'cyrus-core/domain/issue';
import type { Attempt, AttemptRun, CheckoutInfo, Evidence, Interruption, Plan, PlanMessage, Task } from 'cyrus-core/domain/plan';
import type { Failure } from 'cyrus-core/failure';
import type { AttemptState } from 'cyrus-core/states';
import type { ExecutorCapabilities, RunRef } from 'cyrus-executor-interface/executor';
import type { Listener } from './tracker-writes.ts';

/** What the configuration says of this attempt's repository and executor. */
export interface AttemptSettings {
  readonly setup: { readonly command: string; readonly timeoutMs: number } | null;
  readonly verifyCommands: readonly string[] | null;
  readonly baseBranch: string | null;
  readonly model: string | undefined;
  /** Where the model was named, in words that a person finds again; undefined: nowhere. */
  readonly modelFrom: string | undefined;
  readonly fallbackModel: string | undefined;
  /** The repository's appendInstruction. */
  readonly instructions: string | null;
  /** What a documentation task may change. */
  readonly documentationPaths: readonly string[];
  readonly allowedTools: readonly string[] | undefined;
  readonly disallowedTools: readonly string[];
  readonly timeoutMs: number;
  /** What this attempt may still cost: the task's cap less what its earlier attempts cost. */
  readonly maxCost: number | undefined;
  /** Null: the executor is not in the configuration any more. */
  readonly executor: { readonly kind: 'local' | 'cloud'; readonly capabilities: ExecutorCapabilities } | null;
  /** How long is waited for what a cloud executor may tell late. */
  readonly cloud: { readonly lookForMs: number; readonly lateRunMs: number; readonly branchWaitMs: number };
}

export interface AttemptContext {
  readonly attempt: Attempt;
  readonly task: Task;
  readonly plan: Plan;
  readonly issue: Issue;
  /** The last earlier attempt of the task that left work behind. */
  readonly earlier: Attempt | null;
  readonly messages: readonly PlanMessage[];
  readonly guidance: readonly string[];
  readonly conversation: {
    readonly id: string;
    readonly started: boolean;
    readonly directory: string;
    /** The last run of it, where runs live elsewhere. */
    readonly ref?: RunRef | null;
  };
  /** The newest agent job's id, once there is one. */
  readonly agentJob: string | null;
  readonly inputs: readonly Input[];
  readonly listeners: readonly Listener[];
  readonly stopRequested: boolean;
  /** Tools used since progress was last told, oldest first. */
  readonly recentTools: readonly { readonly tool: string; readonly about: string }[];
  readonly settings: AttemptSettings;
}

export interface AttemptDecision {
  readonly state: AttemptState;
  readonly checkout: CheckoutInfo | null;
  /** Null: as it was. */
  readonly runRef: RunRef | null;
  readonly run: AttemptRun | null;
  /** What a follow-up of the conversation continues from now on; null: as it was. */
  readonly conversationRef: RunRef | null;
  readonly messageN: number;
  readonly steeredN: number;
  readonly deliveredN: number;
  readonly headSha: string | null;
  readonly evidence: Evidence | null;
  readonly output: string | null;
  readonly failure: Failure | null;
  readonly interruption: Interruption | null;
  /** Its live jobs are to end now; what they left is collected. */
  readonly killJobs: boolean;
  readonly progressAt: Instant | null;
  /** The agent has begun: the conversation can be resumed from here on. */
  readonly conversationStarted: boolean;
  readonly jobMessages: readonly { readonly jobId: string; readonly n: number; readonly body: string }[];
  readonly ended: boolean;
  readonly effects: Effects;
}
