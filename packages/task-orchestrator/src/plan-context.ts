import type { BudgetKey, BudgetState } from 'cyrus-core/budget';
import type { Instant } from 'cyrus-core/clock';
import type { Effects, Input } from 'cyrus-core/domain/effects';
import type { Issue, IssueDetails } from 'cyrus-core/domain/issue';
import type {
  Attempt,
  FailureChain,
  Interruption,
  ParkedReason,
  Plan,
  PlanMessage,
  PullRequestRef,
  RuledOut,
  Task,
  Verdict,
} from 'cyrus-core/domain/plan';
import type { Answer } from 'cyrus-core/domain/session';
import type { Failure } from 'cyrus-core/failure';
import type { MicroUsd } from 'cyrus-core/money';
import type { PlanState, TaskState } from 'cyrus-core/states';
import type { Spent } from './answers.ts';
import type { FallbackExecutor, FallbackPolicy } from './fallback.ts';
import type { RanElsewhere } from './retire-runs.ts';
import type { Listener } from './tracker-writes.ts';

/** What the configuration says of the plan's repository. */
export interface PlanSettings {
  /** `ci`: the pull request's own checks decide, nothing is run here. */
  readonly verifyMode: 'local' | 'ci' | 'both';
  /** Configured check commands; null: those found in the base commit. */
  readonly verifyCommands: readonly string[] | null;
  readonly verifyTimeoutMs: number;
  /** How long the checks of a pull request are waited for. */
  readonly ciTimeoutMs: number;
  readonly setupCommand: string | null;
  readonly maxAttempts: number;
  readonly fallback: FallbackPolicy;
  /** Why the plan ends with a pushed branch; null: a pull request is opened. */
  readonly noPullRequest: string | null;
  /** Pull requests are drafts until their checks have passed. */
  readonly draft: boolean;
  readonly stateOnStart: string | undefined;
  readonly stateOnSuccess: string | undefined;
  readonly stateOnMerge: string | undefined;
}

export interface PlanContext {
  readonly plan: Plan;
  readonly issue: Issue;
  readonly task: Task | null;
  /** Every attempt of the task, oldest first. */
  readonly attempts: readonly Attempt[];
  /** Attempts elsewhere of the plans that this one follows, oldest first. */
  readonly earlierRuns?: readonly RanElsewhere[];
  readonly messages: readonly PlanMessage[];
  readonly inputs: readonly Input[];
  /** Sessions of the plan with an open turn. */
  readonly listeners: readonly Listener[];
  readonly settings: PlanSettings;
  readonly spent: Omit<Spent, 'durationMs' | 'attempts'>;
  readonly stopRequested: boolean;
  /** Who asked for it. */
  readonly stopRequestedBy: string | null;
  /** Why, where nobody said stop: whole sentences. */
  readonly stopReason?: string | null;
  /** The question of the plan that waits for an answer. */
  readonly question: OpenQuestion | null;
  /** Executors that the task may be given to, in the order in which they are preferred. */
  readonly executors: readonly FallbackExecutor[];
  /** The budgets that the plan's work counts for; read only where something is decided on them. */
  readonly budgets: readonly BudgetState[];
  readonly random: () => number;
}

export interface OpenQuestion {
  readonly id: string;
  readonly kind: 'agent' | 'policy';
  /** Of a policy question: what is to be decided. */
  readonly topic: string | null;
  readonly body: string;
  readonly options: readonly string[] | null;
}

export interface PlanPatch {
  state: PlanState;
  headSha: string | null;
  startSha: string | null;
  pushedSha: string | null;
  baseBranch: string | null;
  pullRequest: PullRequestRef | null;
  failure: Failure | null;
  answer: Answer | null;
  parkedReason: ParkedReason | null;
  parkedFrom: 'drafting' | 'running' | null;
  parkedUntil: Instant | null;
}

export interface TaskPatch {
  state: TaskState;
  attempts: number;
  notBefore: Instant | null;
  learned: string | null;
  headSha: string | null;
  checks: Verdict | null;
  output: string | null;
  failure: Failure | null;
  ruledOut: readonly RuledOut[];
  chain: FailureChain | null;
}

export interface PlanDecision {
  readonly plan: PlanPatch;
  /** Null: nothing to store of a task. The first decision of a plan makes it. */
  readonly task: (TaskPatch & { readonly id: string; readonly isNew: boolean; readonly prompt: string }) | null;
  readonly newMessages: readonly PlanMessage[];
  /** Messages up to this number were certainly read by an agent. */
  readonly deliveredThrough: number;
  /** A question to ask, or what becomes of the open one. */
  readonly question: QuestionStep | null;
  /** The issue as it was read again; null: it was not. */
  readonly issue: IssueRead | null;
  /** What a person has added to a budget. */
  readonly raise: BudgetRaise | null;
  readonly effects: Effects;
}

/** What a person has added to a budget; it counts from then on. */
export interface BudgetRaise extends BudgetKey {
  readonly amount: MicroUsd;
  readonly by: string | null;
}

export type IssueRead = Pick<Issue, 'identifier' | 'title' | 'description' | 'url'> & { readonly details: IssueDetails };

export type QuestionStep =
  | {
      readonly do: 'ask';
      readonly kind: 'agent' | 'policy';
      readonly topic: string | null;
      readonly id: string;
      readonly attemptId: string | null;
      readonly sessionId: string;
      readonly body: string;
      readonly options: readonly string[] | null;
    }
  | { readonly do: 'answer'; readonly id: string; readonly answer: string }
  | { readonly do: 'withdraw'; readonly id: string };

/** The payload of an `attempt_finished` input. */
export interface AttemptFinished {
  readonly attemptId: string;
  readonly number: number;
  readonly state: 'succeeded' | 'failed' | 'asked' | 'lost' | 'stopped';
  readonly deliveredN: number;
  readonly failure: Failure | null;
  readonly interruption: Interruption | null;
  /** What a person is to know of a run elsewhere whose stop is not confirmed. */
  readonly unconfirmedStop?: string | null;
}
