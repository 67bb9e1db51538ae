import type { Clock } from 'cyrus-core/clock';
import { FailureError } from 'cyrus-core/failure';
import type {
  AttemptKey,
  ExecutionEvent,
  ExecutionRequest,
  ExecutionStatus,
  ExecutorCapabilities,
  ExecutorHealth,
  RunRef,
  TaskExecutor,
} from 'cyrus-executor-interface/executor';
import { type Limiter, memoryLimiter } from 'cyrus-executor-interface/limiter';
import { type CursorClient, createClient } from './client.ts';
import { CursorError } from './failures.ts';
import { follow, type Patience, stopAgent } from './follow.ts';
import { agentIdOf, labelStart, labelText } from './label.ts';
import { serverList } from './mcp-servers.ts';
import { type RunLives, runLives } from './run-life.ts';
import { endState, runState, workOf } from './run-state.ts';
import { taskText } from './task-text.ts';

export interface CursorExecutorOptions {
  readonly clock: Clock;
  /** Between 0 and 1; spreads calls. */
  readonly random: () => number;
  /** Absent: starts are refused with `auth`. */
  readonly apiKey?: string;
  /** Default `https://api.cursor.com`. */
  readonly apiUrl?: string;
  /** For requests without a model of their own, or with one Cursor does not have. Absent: the account's default. */
  readonly defaultModel?: string;
  /**
   * Gives the agent the request's environment variables. Cursor takes them only for agents whose id it chooses itself: a start is then no
   * longer idempotent, and an ambiguous one has to be looked for.
   */
  readonly sendEnvironmentVariables?: boolean;
  /** Gives Cursor the MCP servers of requests, with every secret in them. Absent: it is told of none. */
  readonly sendMcpServers?: boolean;
  /** Shared by all who use the same key. Absent: of this executor alone. */
  readonly limiter?: Limiter;
  /** Default 300; Cursor publishes no number. */
  readonly callsPerMinute?: number;
  readonly fetch?: typeof globalThis.fetch;
  readonly patience?: Partial<Patience>;
}

const executorId = 'cursor';
const patience: Patience = {
  pollMs: 10_000,
  retryMs: 1_000,
  lostAfterMs: 180_000,
  silentMs: 90_000,
  lastEventsMs: 20_000,
  costWaitMs: 30_000,
  longestRunMs: 24 * 3_600_000,
};
/** How long the list of models is believed. */
const modelsKeptMs = 600_000;
/** Pages of a hundred agents that are searched for one by its name. */
const searchedPages = 5;

export function createCursorExecutor(options: CursorExecutorOptions): TaskExecutor {
  return new CursorExecutor(options);
}

/** Runs attempts as Cursor Cloud Agents: one agent per attempt, whose first run is the task and whose further runs are messages to it. */
class CursorExecutor implements TaskExecutor {
  readonly id = executorId;
  readonly kind = 'cloud';
  readonly capabilities: ExecutorCapabilities;
  readonly #options: CursorExecutorOptions;
  readonly #client: CursorClient;
  readonly #lives: RunLives = runLives();
  #models: { readonly at: number; readonly names: readonly string[] } | undefined;

  constructor(options: CursorExecutorOptions) {
    this.#options = options;
    this.capabilities = {
      cancel: 'run',
      followUp: true,
      // A message waits until the run is over, and is then a run of its own.
      steer: false,
      events: 'stream',
      webhook: false,
      cost: 'money',
      idempotentCreate: options.sendEnvironmentVariables !== true,
      perRunModel: true,
      perRunMcp: options.sendMcpServers === true,
      opensPr: false,
      hardBudget: false,
      structuredOutput: false,
      resume: false,
    };
    this.#client = createClient({
      apiUrl: options.apiUrl ?? 'https://api.cursor.com',
      apiKey: options.apiKey ?? '',
      clock: options.clock,
      random: options.random,
      limiter: options.limiter ?? memoryLimiter(options.clock),
      fetch: options.fetch ?? globalThis.fetch,
      callsPerMinute: options.callsPerMinute ?? 300,
    });
  }

  /** @throws FailureError `auth`, `rate_limited`, `quota_exhausted`, `invalid_request`, `network` (`ambiguous` when it may have begun) */
  async start(request: ExecutionRequest, key: AttemptKey): Promise<RunRef> {
    const { remote, environmentVariables = {} } = request;
    if (this.#options.apiKey === undefined) throw new FailureError(noKey);
    if (!remote)
      throw new FailureError({
        class: 'invalid_request',
        message: 'A Cursor agent works on a repository with a remote; this task has none.',
      });
    const model = await this.#model(request);
    const envVars =
      this.#options.sendEnvironmentVariables && Object.keys(environmentVariables).length > 0 ? environmentVariables : undefined;
    const mcpServers = this.#options.sendMcpServers ? serverList(request.mcpConfig) : [];
    const agentId = agentIdOf(key);
    try {
      const agent = await this.#client.createAgent({
        prompt: { text: taskText(request) },
        ...(envVars ? { envVars } : { agentId }),
        name: labelText({ key, timeoutMs: request.timeoutMs, ...(model === undefined ? {} : { model }) }),
        ...(model === undefined ? {} : { model: { id: model } }),
        repos: [{ url: repositoryUrl(remote.repositoryUrl), startingRef: remote.startBranch }],
        workOnCurrentBranch: false,
        // One pull request a plan, and it is ours.
        autoCreatePR: false,
        ...(mcpServers.length > 0 ? { mcpServers } : {}),
      });
      return refOf(agent.id);
    } catch (error) {
      // The id says whose it is: the agent is this attempt's, made by an earlier call.
      if (error instanceof CursorError && error.code === 'agent_id_conflict' && !envVars) return refOf(agentId);
      throw error;
    }
  }

  async find(key: AttemptKey): Promise<RunRef | undefined> {
    const agent = await this.#client.getAgent(agentIdOf(key));
    if (agent) return refOf(agent.id);
    if (!this.#options.sendEnvironmentVariables) return undefined;
    let cursor: string | undefined;
    for (let page = 0; page < searchedPages; page++) {
      const { items, nextCursor } = await this.#client.listAgents(cursor);
      const found = items.find(({ name }) => name?.startsWith(labelStart(key)));
      if (found) return refOf(found.id);
      if (nextCursor === undefined) return undefined;
      cursor = nextCursor;
    }
    return undefined;
  }

  async *attach(ref: RunRef, cursor = '0'): AsyncIterable<ExecutionEvent> {
    const { clock, random } = this.#options;
    const events = follow({
      agentId: ref.runId,
      client: this.#client,
      clock,
      random,
      patience: { ...patience, ...this.#options.patience },
      life: this.#lives.of(ref.runId),
      cursor: Number(cursor) || 0,
    });
    for await (const event of events) {
      if (event.type === 'complete') this.#lives.end(ref.runId);
      yield event;
    }
  }

  async getStatus(ref: RunRef): Promise<ExecutionStatus> {
    const newest = (await this.#client.listRuns(ref.runId))?.at(-1);
    if (!newest) return { state: 'unknown', rawState: 'not found' };
    return { state: runState(newest.status), rawState: newest.status, ...workOf(newest) };
  }

  async stop(ref: RunRef): Promise<'confirmed' | 'requested'> {
    const life = this.#lives.known(ref.runId);
    if (life) life.stopWanted = true;
    const outcome = await stopAgent(this.#client, ref.runId, this.#options.clock);
    return outcome === 'unseen' ? 'requested' : outcome;
  }

  /** The message waits until the agent's run is over and begins its next one. */
  async send(ref: RunRef, message: { readonly id: number; readonly text: string }): Promise<'queued' | 'too_late'> {
    if (!this.#lives.known(ref.runId)) {
      const newest = (await this.#client.listRuns(ref.runId))?.at(-1);
      if (!newest || endState(newest.status) !== undefined) return 'too_late';
    }
    const life = this.#lives.of(ref.runId);
    if (life.closed || life.stopWanted) return 'too_late';
    life.pending.push(message);
    return 'queued';
  }

  async health(): Promise<ExecutorHealth> {
    if (this.#options.apiKey === undefined) return { state: 'unavailable', detail: noKey.message, failure: noKey };
    try {
      const { apiKeyName, userEmail } = await this.#client.me();
      return { state: 'ready', detail: `Cursor cloud agents, key "${apiKeyName}"${userEmail === undefined ? '' : ` of ${userEmail}`}` };
    } catch (error) {
      if (!(error instanceof FailureError)) throw error;
      return { state: 'unavailable', detail: error.failure.message, failure: error.failure };
    }
  }

  /** The first model that is asked for and that Cursor has: models of other executors are none of its. */
  async #model({ model, fallbackModel }: ExecutionRequest): Promise<string | undefined> {
    const wanted = [model, fallbackModel, this.#options.defaultModel].filter((name) => name !== undefined);
    if (wanted.length === 0) return undefined;
    const now = this.#options.clock.now();
    if (!this.#models || now - this.#models.at > modelsKeptMs) this.#models = { at: now, names: await this.#client.models() };
    const { names } = this.#models;
    return wanted.find((name) => names.includes(name));
  }
}

const noKey = {
  class: 'auth',
  message: 'There is no key for Cursor cloud agents.',
  fix: 'Set CURSOR_API_KEY (or cursor.apiKey) to a key from cursor.com/dashboard, or set cursor.enabled to false.',
} as const;

const refOf = (agentId: string): RunRef => ({ executorId, runId: agentId, url: `https://cursor.com/agents/${agentId}` });

/** Cursor names repositories by their page. */
const repositoryUrl = (url: string): string => (/^https?:/.test(url) ? url.replace(/\.git$/, '') : url);
