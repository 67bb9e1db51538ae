import type { Clock } from 'cyrus-core/clock';
import { type Failure, FailureError } from 'cyrus-core/failure';
import type { MicroUsd } from 'cyrus-core/money';
import type { Result } from 'cyrus-core/result';
import {
  type AttemptKey,
  type ExecutionRequest,
  type ExecutorCapabilities,
  finalRunStates,
  type RunRef,
  type TaskExecutor,
} from 'cyrus-executor-interface/executor';
import { type Limiter, memoryLimiter } from 'cyrus-executor-interface/limiter';
import { type CallFailure, createCodegenClient, pageSize } from './client.ts';
import { type Follower, followRun } from './follow.ts';
import { checkIdentity } from './health.ts';
import { imagesOf } from './images.ts';
import { createLogBudget } from './log-budget.ts';
import type { CodegenRun } from './payload.ts';
import { createPoller } from './poller.ts';
import { attemptLine, codegenPrompt } from './prompt.ts';
import { createFindRepository } from './repository.ts';
import { placeOf, runIdOf } from './run-id.ts';
import { isOf, metadataOf } from './run-notes.ts';
import { workOf } from './run-result.ts';
import { stateOf } from './status.ts';

export interface CodegenExecutorOptions {
  readonly apiToken: string;
  /** A whole number. With anything else every call is refused before it is made. */
  readonly orgId: number | string;
  /** `https://api.codegen.com` or an installation of one's own. */
  readonly baseUrl: string;
  readonly clock: Clock;
  readonly random: () => number;
  /** Shared by all processes that use this organisation; absent: this executor alone counts. */
  readonly limiter?: Limiter;
  readonly fetch?: typeof globalThis.fetch;
  /** Where a request names none. Absent: the organisation's own default. */
  readonly defaultModel?: string;
  /** What one run is assumed to cost: the service reports none. Absent: nothing is charged. */
  readonly estimatedCostPerRun?: MicroUsd;
  /** The service's numbers of repositories, by names such as `acme/app`; others are looked up. */
  readonly repositories?: Readonly<Record<string, number>>;
  /** False: the logs of runs are not followed, and there are no events before the end. */
  readonly tracing?: boolean;
  /** False: agents are told to leave alone the MCP servers that the organisation has set up; a run cannot choose any. */
  readonly mcpServers?: boolean;
  /** Between two looks at the list of runs, spread by a quarter. Default 12 s. */
  readonly pollMs?: number;
  /** For one call. Default 30 s. */
  readonly timeoutMs?: number;
  /** A run that the service answers 404 for so long is lost. Default 2 minutes. */
  readonly lostAfterMs?: number;
  /** Told once of each status word that nobody knows. */
  readonly onUnknownStatus?: (word: string, runId: string) => void;
}

const capabilities: ExecutorCapabilities = {
  cancel: 'pr',
  followUp: true,
  steer: false,
  events: 'poll',
  webhook: false,
  cost: 'none',
  idempotentCreate: false,
  perRunModel: true,
  perRunMcp: false,
  opensPr: true,
  hardBudget: false,
  structuredOutput: false,
  resume: true,
};

/** Runs that nobody else knows the end of are followed no longer than this. */
const longestMs = 24 * 3_600_000;
/** How far back a run is looked for by its key. */
const pagesSearched = 5;

/** Runs attempts as agent runs of one Codegen organisation. What the service cannot do is said, not played. */
export function createCodegenExecutor(options: CodegenExecutorOptions): TaskExecutor {
  const { clock, random, orgId } = options;
  const limiter = options.limiter ?? memoryLimiter(clock);
  const client = createCodegenClient({
    baseUrl: options.baseUrl,
    orgId,
    apiToken: options.apiToken,
    clock,
    random,
    limiter,
    timeoutMs: options.timeoutMs ?? 30_000,
    ...(options.fetch ? { fetch: options.fetch } : {}),
  });
  const poller = createPoller({ client, clock, random, pollMs: options.pollMs ?? 12_000 });
  const findRepository = createFindRepository(client, clock, options.repositories ?? {});
  const unknown = new Map<string, number>();
  const steps = new Map<number, string>();

  const refOf = (run: CodegenRun, runId = runIdOf({ id: run.id })): RunRef => ({
    executorId: 'codegen',
    runId,
    ...(run.web_url ? { url: run.web_url } : {}),
  });

  const promptOf = (request: ExecutionRequest, key: AttemptKey): string =>
    codegenPrompt(request, key, { mcpServers: options.mcpServers ?? true });

  async function create(request: ExecutionRequest, key: AttemptKey): Promise<RunRef> {
    const repositoryId = orThrow(await findRepository(request.remote));
    const images = await imagesOf(request.filesDirectory, request.prompt);
    const model = request.model ?? options.defaultModel;
    const run = await client.createRun({
      prompt: promptOf(request, key),
      ...(images.length > 0 ? { images } : {}),
      metadata: metadataOf({ attempt: key.attemptId, number: key.number, deadline: clock.now() + request.timeoutMs, model }),
      ...(repositoryId === undefined ? {} : { repo_id: repositoryId }),
      ...(model === undefined ? {} : { model }),
    });
    return refOf(orThrow(run));
  }

  /**
   * Goes on in the run of the conversation. Undefined where there is nothing to go on with: a new run is told the whole of it anyway.
   * The log shows whether this attempt has already been said, as after a call whose answer was lost.
   */
  async function goOn(request: ExecutionRequest, key: AttemptKey): Promise<RunRef | undefined> {
    const { resume, ref } = request.conversation;
    if (!resume || ref?.executorId !== 'codegen') return undefined;
    const { id } = placeOf(ref.runId);
    const read = await client.getRun(id);
    if (!read.ok) return isGone(read.error) ? undefined : orThrow(read);
    const log = await wholeLog(id);
    if (!log) return undefined;
    const turn = (afterEntries: number): RunRef =>
      refOf(read.value, runIdOf({ id, turn: { afterEntries, deadline: clock.now() + request.timeoutMs } }));
    const said = log.findIndex((entry) => JSON.stringify(entry.observation ?? '').includes(attemptLine(key)));
    if (said >= 0) return turn(said);
    const state = stateOf(read.value.status);
    if (state !== 'needs_input' && state !== 'succeeded') return undefined;
    const images = await imagesOf(request.filesDirectory, request.prompt);
    const resumed = await client.resumeRun(id, promptOf(request, key), images);
    if (resumed.ok) return turn(log.length);
    return isGone(resumed.error) || resumed.error.status === 422 ? undefined : orThrow(resumed);
  }

  async function wholeLog(id: number): Promise<readonly { readonly observation?: unknown }[] | undefined> {
    const entries: { readonly observation?: unknown }[] = [];
    for (;;) {
      const page = await client.logs(id, entries.length, { patient: true });
      if (!page.ok) return isGone(page.error) ? undefined : orThrow(page);
      entries.push(...page.value.logs);
      if (page.value.logs.length < pageSize) return entries;
    }
  }

  async function find(key: AttemptKey): Promise<RunRef | undefined> {
    let oldest: CodegenRun | undefined;
    for (let page = 0; page < pagesSearched; page++) {
      const { items } = orThrow(await client.listRuns(page * pageSize));
      oldest = items.findLast((run) => isOf(run, key)) ?? oldest;
      if (items.length < pageSize) break;
    }
    return oldest && refOf(oldest);
  }

  async function stop(ref: RunRef): Promise<'confirmed' | 'requested' | 'unsupported'> {
    const { id } = placeOf(ref.runId);
    const read = await client.getRun(id);
    // It may only not be there yet.
    if (!read.ok && read.error.status === 404) return 'unsupported';
    const run = orThrow(read);
    if (rests(run)) return 'confirmed';
    if (workOf(run).pullRequestUrl === undefined) {
      follower.stopWanted.add(id);
      return 'unsupported';
    }
    follower.stopWanted.delete(id);
    orThrow(await client.removeFromPullRequest(id));
    const after = await client.getRun(id);
    return after.ok && rests(after.value) ? 'confirmed' : 'requested';
  }

  const follower: Follower = {
    client,
    poller,
    clock,
    stop,
    estimatedCostPerRun: options.estimatedCostPerRun,
    tracing: options.tracing ?? true,
    lostAfterMs: options.lostAfterMs ?? 120_000,
    longestMs,
    stopWanted: new Set(),
    logBudget: createLogBudget(clock),
    unknownStatus(run) {
      const word = run.status ?? 'no status';
      const times = (unknown.get(word) ?? 0) + 1;
      unknown.set(word, times);
      if (times === 1) options.onUnknownStatus?.(word, String(run.id));
    },
    step(runId, what) {
      if (what === undefined) steps.delete(runId);
      else steps.set(runId, what.split('\n')[0]?.slice(0, 200) ?? '');
    },
  };

  return {
    id: 'codegen',
    kind: 'cloud',
    capabilities,
    start: async (request, key) => (await goOn(request, key)) ?? (await create(request, key)),
    find,
    attach: (ref, cursor) => followRun(follower, ref, cursor),
    async getStatus(ref) {
      const { id } = placeOf(ref.runId);
      const read = await client.getRun(id);
      if (!read.ok && read.error.status === 404) return { state: 'unknown', rawState: 'not found' };
      const run = orThrow(read);
      const currentStep = steps.get(id);
      return {
        state: stateOf(run.status),
        rawState: run.status ?? 'no status',
        ...workOf(run),
        ...(currentStep === undefined ? {} : { currentStep }),
      };
    },
    stop,
    async health() {
      const health = await checkIdentity(client, Number(orgId));
      if (health.state !== 'ready' || unknown.size === 0) return health;
      const words = [...unknown].map(([word, times]) => `${word} (${times}×)`).join(', ');
      return { ...health, detail: `${health.detail}; statuses that nobody knows: ${words}` };
    },
  };
}

/** Nothing of it works any more. */
const rests = (run: CodegenRun): boolean => {
  const state = stateOf(run.status);
  return state === 'needs_input' || finalRunStates.includes(state);
};

const isGone = ({ status }: CallFailure): boolean => status === 404;

/** @throws FailureError */
function orThrow<T>(result: Result<T, CallFailure>): T {
  if (result.ok) return result.value;
  const failure: Failure = result.error.failure;
  throw new FailureError(failure);
}
