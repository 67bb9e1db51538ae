import type { Failure } from 'cyrus-core/failure';
import type { MicroUsd } from 'cyrus-core/money';
import type { RunDoor } from 'cyrus-core/ports/network';

/** Names one attempt for good; the key of every effect it has on a provider. */
export interface AttemptKey {
  readonly attemptId: string;
  /** Counts up per task; a higher number fences a lower one off. */
  readonly number: number;
}

/** The executor's own durable name of a run: JSON, stored before anything depends on it. */
export interface RunRef {
  readonly executorId: string;
  readonly runId: string;
  readonly url?: string;
}

/** The agent's own thread of talk, kept per (issue, repository) so that follow-ups continue it. */
export interface ConversationRef {
  /** A UUID chosen by us before the first start. */
  readonly id: string;
  /** True when an earlier attempt of this conversation has run. An executor that finds nothing to resume starts anew and says so. */
  readonly resume: boolean;
  /** The host directory that belongs to this conversation alone. */
  readonly directory: string;
  /** The last run of this conversation, where runs live elsewhere: what a follow-up continues. */
  readonly ref?: RunRef;
}

/** A tool that the agent calls and this process carries out: what it needs for that, such as a token, is out of the agent's reach. */
export interface HostTool {
  readonly name: string;
  /** For the model: what it does, and when. */
  readonly description: string;
  /** True: it changes nothing outside. */
  readonly reads: boolean;
  /** Texts, by name. */
  readonly parameters: Readonly<Record<string, HostToolParameter>>;
  /** Carries a call out. Never throws for what the agent asked: that is an answer with `isError`. */
  call(input: Readonly<Record<string, string>>): Promise<{ readonly text: string; readonly isError?: boolean }>;
}

export interface HostToolParameter {
  readonly description: string;
  readonly optional?: boolean;
  readonly oneOf?: readonly string[];
}

/** Tools under one name: agents know them as `mcp__NAME__TOOL`. */
export interface HostTools {
  readonly name: string;
  readonly tools: readonly HostTool[];
}

/** What a cloud executor works on: it reads and pushes by itself. */
export interface RemoteWork {
  /** Without credentials: `https://github.com/acme/app.git`. */
  readonly repositoryUrl: string;
  /** `acme/app`, where the code host has such names. */
  readonly repositoryName?: string;
  /** On the remote; the work begins at its head. */
  readonly startBranch: string;
  readonly startSha: string;
  /** What a pull request of it would be merged into. */
  readonly baseBranch: string;
  /** The branch to push to, where the executor lets it be chosen. */
  readonly pushBranch: string;
}

export interface ExecutionRequest {
  readonly prompt: string;
  /** For the system prompt: what the procedure asks, its rules, and as marked context the repository's own notes. The same for all issues of a repository. */
  readonly systemContext?: string;
  readonly conversation: ConversationRef;
  /** Where the agent works; its own clone. Empty for cloud executors. */
  readonly workingDirectory: string;
  /** For cloud executors alone. */
  readonly remote?: RemoteWork;
  /** Host paths the clone needs to read (the mirror's objects). */
  readonly readable: readonly string[];
  /** One of `readable`, with files for the agent to look at: its reading tools may, whatever they are limited to. */
  readonly filesDirectory?: string;
  readonly model?: string;
  /** Goes on with this one where `model` is unknown or overloaded. */
  readonly fallbackModel?: string;
  /** The working directory is not to be changed: it is mounted read-only where there is isolation, and the tools only read. */
  readonly readOnly?: boolean;
  /** Patterns of the only files that tools may change; absent: any. What commands change is seen in the evidence. */
  readonly editable?: readonly string[];
  /** `Read(**)`, `Edit(src/**)`, `Bash(git:*)`, `mcp__x`. Absent: every tool. Present: these only. */
  readonly allowedTools?: readonly string[];
  readonly disallowedTools?: readonly string[];
  readonly environmentVariables?: Readonly<Record<string, string>>;
  /** `{mcpServers: {NAME: …}}` as in `.mcp.json`, variables filled in: it may hold secrets. Not part of a stored request. */
  readonly mcpConfig?: Readonly<Record<string, unknown>>;
  /** Carried out by this process; held by `allowedTools` and `disallowedTools` as any other. Not part of a stored request. */
  readonly hostTools?: readonly HostTools[];
  /** The network of this run, for executors that start programs here. Absent: the host's own. Not part of a stored request. */
  readonly network?: RunDoor;
  readonly maxCost?: MicroUsd;
  readonly maxTurns?: number;
  readonly timeoutMs: number;
}

export type RunState = 'queued' | 'running' | 'needs_input' | 'succeeded' | 'failed' | 'cancelled' | 'expired' | 'unknown';
export const finalRunStates: readonly RunState[] = ['succeeded', 'failed', 'cancelled', 'expired'];

export interface Usage {
  readonly model: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
  /** Of this report alone, never cumulative. Absent: unpriced. */
  readonly cost?: MicroUsd;
  readonly trust: 'provider' | 'gateway' | 'agent' | 'estimated';
}

/** How a run ended, as the provider says. What git says is evidence, and is judged apart. */
export interface RunResult {
  readonly state: 'succeeded' | 'failed' | 'cancelled' | 'expired';
  /** The agent's last words. */
  readonly output: string;
  readonly failure?: Failure;
  readonly turns?: number;
  readonly pullRequestUrl?: string;
  /** The branch on the remote that holds the work; of cloud executors. */
  readonly branch?: string;
  /** The last `messageId` the agent has certainly read; absent when none was sent. */
  readonly lastDelivered?: number;
}

/** One normalised thing that happened. What a provider does not give is absent, never invented. */
export type ExecutionEvent =
  | { readonly type: 'message'; readonly content: string }
  | { readonly type: 'tool-use'; readonly tool: string; readonly input: unknown; readonly id?: string }
  | { readonly type: 'tool-result'; readonly id?: string; readonly output: string; readonly isError: boolean }
  | { readonly type: 'usage'; readonly usage: Usage }
  | { readonly type: 'needs-input'; readonly question: string; readonly options?: readonly string[] }
  | { readonly type: 'delivered'; readonly messageId: number }
  | { readonly type: 'heartbeat' }
  | { readonly type: 'error'; readonly failure: Failure }
  | { readonly type: 'complete'; readonly result: RunResult };

export interface ExecutionStatus {
  readonly state: RunState;
  /** What the provider calls it. */
  readonly rawState: string;
  readonly currentStep?: string;
  /** Of cloud executors, as known now: both may come after the end of the run. */
  readonly branch?: string;
  readonly pullRequestUrl?: string;
}

export interface ExecutorHealth {
  readonly state: 'ready' | 'unavailable';
  readonly detail: string;
  /** Present when unavailable: says what to do. */
  readonly failure?: Failure;
}

export interface ExecutorCapabilities {
  readonly cancel: 'run' | 'session' | 'pr' | 'none';
  readonly followUp: boolean;
  readonly steer: boolean;
  readonly events: 'stream' | 'poll';
  readonly webhook: boolean;
  readonly cost: 'money' | 'tokens' | 'none';
  readonly idempotentCreate: boolean;
  readonly perRunModel: boolean;
  readonly perRunMcp: boolean;
  readonly opensPr: boolean;
  readonly hardBudget: boolean;
  readonly structuredOutput: boolean;
  readonly resume: boolean;
}

/** Something that can run an attempt. Every implementation passes `conformance.ts`. */
export interface TaskExecutor {
  readonly id: string;
  readonly kind: 'local' | 'cloud';
  readonly capabilities: ExecutorCapabilities;
  /**
   * Starts a run. Idempotent by `key` where `capabilities.idempotentCreate`: a second call with the same key returns the first run's ref.
   * @throws FailureError `missing_binary`, `auth`, `rate_limited`, `quota_exhausted`, `invalid_request`, `network`
   */
  start(request: ExecutionRequest, key: AttemptKey): Promise<RunRef>;
  find(key: AttemptKey): Promise<RunRef | undefined>;
  /**
   * The run's events to its end; the last one is `complete`. Consumed by one reader. `cursor`: how many events were already read; of a cloud
   * executor heartbeats do not count, and a run that this process has never seen is followed as well.
   */
  attach(ref: RunRef, cursor?: string): AsyncIterable<ExecutionEvent>;
  getStatus(ref: RunRef): Promise<ExecutionStatus>;
  /** `confirmed`: nothing of the run is left. A run unknown to this process is already gone for a local executor. */
  stop(ref: RunRef): Promise<'confirmed' | 'requested' | 'unsupported'>;
  /** Gives a running agent one more message. `messageId` counts up and comes back as `delivered` once the agent has read it. */
  send?(ref: RunRef, message: { readonly id: number; readonly text: string }): Promise<'steered' | 'queued' | 'too_late'>;
  health(): Promise<ExecutorHealth>;
}
