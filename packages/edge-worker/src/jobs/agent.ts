import type { Calendar } from 'cyrus-core/calendar';
import type { Instant } from 'cyrus-core/clock';
import { FailureError } from 'cyrus-core/failure';
import type {
  AttemptKey,
  ExecutionEvent,
  ExecutionRequest,
  HostTools,
  RunRef,
  RunResult,
  TaskExecutor,
} from 'cyrus-executor-interface/executor';
import type { Log } from 'cyrus-store/log';
import type { Database } from 'cyrus-store/pool';
import { followedSoFar } from 'cyrus-store/queries/event-followed';
import type { HostJob } from 'cyrus-store/queries/job-row';
import type { RunEnd, RunOrder } from 'cyrus-task-orchestrator/attempt-run';
import type { AgentFiles } from '../attachments/for-agent.ts';
import type { Door } from '../network/networks.ts';
import { type EventSink, openEventSink } from '../supervisor/event-sink.ts';
import { failureOf } from '../supervisor/job-failure.ts';
import type { JobContext, JobOutcome, JobRunner } from '../supervisor/job-runner.ts';
import type { Redact } from '../supervisor/redact.ts';
import { beginRun, followRun, huntRun } from './follow-run.ts';
import type { ToolUser } from './linear-tools.ts';
import { steer } from './steer.ts';

/** The payload of an `agent` job. */
export interface AgentJob {
  readonly executorId: string;
  /** Absent: the run is there, or is looked for. */
  readonly request?: ExecutionRequest;
  readonly key: AttemptKey;
  /** Of runs elsewhere; absent: a plain start. */
  readonly order?: RunOrder;
  /** How long the run may take. */
  readonly timeoutMs?: number;
}

/** The result of an `agent` job. */
export interface AgentJobResult {
  readonly result: RunResult | null;
  /** The last message the agent has certainly read; 0: none of those sent while it ran. */
  readonly lastDelivered: number;
  /** What the agent asked last, if it asked. */
  readonly question?: { readonly question: string; readonly options?: readonly string[] };
  /** What became of the stop of a run elsewhere. */
  readonly stop?: RunEnd['stop'];
}

export interface AgentRunnerOptions {
  readonly executors: ReadonlyMap<string, TaskExecutor>;
  readonly db: Database;
  readonly redact: Redact;
  readonly spoolDirectory: string;
  /** Of the budgets; absent: this machine's. */
  readonly calendar?: Calendar;
  /** Variables of the repository, which are in no job's payload because they may be secret. */
  readonly environment: (job: HostJob) => Promise<Readonly<Record<string, string>>>;
  /** Host paths the configuration shows to every agent, beside what its request names. */
  readonly readable?: () => readonly string[];
  /** Files that people uploaded with what they wrote. */
  readonly files?: (job: HostJob) => Promise<AgentFiles | undefined>;
  /** Tools that this process carries out for the agent; `signal` ends with the job. */
  readonly hostTools?: (user: ToolUser, signal: AbortSignal) => Promise<readonly HostTools[]>;
  /** The MCP servers of the repository; undefined: it has none. They are in no job's payload because they hold secrets. */
  readonly mcpServers?: (job: HostJob) => Promise<Readonly<Record<string, unknown>> | undefined>;
  /** The network of a run; absent: the host's own. */
  readonly network?: (job: HostJob, attemptId: string) => Promise<Door>;
  readonly spoolBytes?: number;
}

/** How long an agent that was stopped may take to say its last words, which are its costs. */
const lastWordsMs = 3_000;

/** Runs an agent to its end: events to disk and database, messages to the agent, its end to the attempt. */
export function createAgentRunner(options: AgentRunnerOptions): JobRunner {
  return async (job, context) => {
    const { executorId, request, key, order, timeoutMs = 0 } = job.payload as unknown as AgentJob;
    const executor = options.executors.get(executorId);
    // Whoever is to stop a run waits for the executor, which comes back with another start if it does.
    if (!executor && order?.do === 'hunt') await context.clock.sleep(Math.max(0, order.until - context.clock.now()), context.signal);
    if (!executor)
      return {
        failure: { class: 'missing_binary', message: `No executor is called ${executorId} here.`, fix: 'Correct the configuration.' },
      };
    if (order?.do === 'hunt') return { result: { ...(await huntRun(executor, key, order, context)) } };
    const attemptId = job.attemptId ?? key.attemptId;
    const sink = await openEventSink({
      db: options.db,
      clock: context.clock,
      log: context.log,
      directory: options.spoolDirectory,
      place: { attemptId, taskId: job.taskId, planId: job.planId, sessionId: job.sessionId },
      jobId: job.id,
      redact: options.redact,
      givenUp: context.givenUp,
      ...(options.calendar ? { calendar: options.calendar } : {}),
      ...(options.spoolBytes === undefined ? {} : { maxBytes: options.spoolBytes }),
    });
    let door: Door | undefined;
    try {
      if (executor.kind === 'cloud') {
        const withFiles = request && (await withImages(request, await options.files?.(job), context.signal));
        const asked = withFiles && { ...withFiles, ...(await mcpConfig(options, job, executor)) };
        const begun = { key, ...(asked ? { request: asked } : {}), ...(order ? { order } : {}), timeoutMs };
        return await runElsewhere({ job, context, executor, sink, key, db: options.db, begun });
      }
      if (!request) throw new Error(`an agent job of ${executorId}, which works here, has no request`);
      const environmentVariables = { ...(await options.environment(job)), ...request.environmentVariables };
      const files = await options.files?.(job);
      const readable = [...new Set([...request.readable, ...(options.readable?.() ?? []), ...(files ? [files.directory] : [])])];
      // What was said since the preparation is in the prompt, too.
      const prompt = (await files?.enrich(request.prompt, context.signal)) ?? request.prompt;
      const filesDirectory = files ? { filesDirectory: files.directory } : {};
      const hostTools = (await options.hostTools?.({ attemptId, workingDirectory: request.workingDirectory }, context.signal)) ?? [];
      door = await options.network?.(job, attemptId);
      const whole = {
        ...request,
        ...(door ? { network: door } : {}),
        ...(hostTools.length > 0 ? { hostTools } : {}),
        ...(await mcpConfig(options, job, executor)),
        ...filesDirectory,
        prompt,
        readable,
        environmentVariables,
      };
      return await runAgent({ job, context, executor, sink, key, db: options.db, request: whole, ...(files ? { files } : {}) });
    } finally {
      // What calls of the model have used is written down before the attempt hears of its end.
      await door?.close();
      await sink.finish().catch((error) => {
        if (!context.givenUp.aborted) throw error;
      });
    }
  };
}

/** An executor that uses no MCP servers, or is not to have any that leave this machine, is told of none. */
async function mcpConfig(
  { mcpServers }: AgentRunnerOptions,
  job: HostJob,
  { capabilities }: TaskExecutor,
): Promise<Pick<ExecutionRequest, 'mcpConfig'>> {
  const servers = capabilities.perRunMcp ? await mcpServers?.(job) : undefined;
  return servers ? { mcpConfig: { mcpServers: servers } } : {};
}

interface Run {
  readonly job: HostJob;
  readonly context: JobContext;
  readonly executor: TaskExecutor;
  readonly sink: EventSink;
  readonly key: AttemptKey;
  readonly db: Database;
}

interface LocalRun extends Run {
  readonly request: ExecutionRequest;
  readonly files?: AgentFiles;
}

/** What people uploaded is given to the executor, which sends of it what its service takes. */
async function withImages(request: ExecutionRequest, files: AgentFiles | undefined, signal: AbortSignal): Promise<ExecutionRequest> {
  if (!files) return request;
  return { ...request, filesDirectory: files.directory, prompt: await files.enrich(request.prompt, signal) };
}

/**
 * Follows a run that lives elsewhere. It outlives this process: a shutdown leaves it where it is, and a later job goes on from the events
 * that are stored. Nothing else of this machine is given to it: no variables of the repository, no tools; MCP servers where that is
 * configured.
 */
async function runElsewhere(
  run: Run & { readonly begun: Omit<AgentJob, 'executorId'> & { readonly timeoutMs: number } },
): Promise<JobOutcome> {
  const { job, context, executor, db, begun } = run;
  const { clock, signal } = context;
  const { timeoutMs, order } = begun;
  const attemptId = job.attemptId ?? begun.key.attemptId;
  const ref = await beginRun(executor, begun, context);
  const told = context.tell('job_started', { jobId: job.id, runRef: ref });
  const before = await followedSoFar(db, attemptId);
  const seen: Seen = { ...before, result: before.result as RunResult | null };
  const steering = steer({ job, ref, executor, context, db });
  const deadline: Instant = order?.do === 'attach' ? order.deadline : clock.now() + timeoutMs;
  const take = async (event: ExecutionEvent): Promise<void> => {
    note(event, seen);
    await run.sink.push(event);
  };
  // The end may be stored already, and what came of it not.
  const followed = seen.result ? {} : await followRun(executor, ref, { cursor: run.sink.before, deadline, timeoutMs, context, take });
  steering.close();
  await Promise.all([told, steering.settled()]).catch((error) => {
    if (!context.givenUp.aborted) throw error;
  });
  const stop = followed.stop === undefined ? {} : { stop: followed.stop };
  if (signal.aborted && !seen.result && signal.reason === 'shutdown')
    return { failure: { class: 'sandbox_lost', message: 'The service ended while it followed the run, which goes on.' } };
  if (signal.aborted && (!seen.result || seen.result.state === 'cancelled'))
    return {
      failure: { class: 'sandbox_lost', message: 'The run was stopped.' },
      result: { ...resultOf({ ...seen, result: null }), ...stop },
    };
  const failure = followed.late ?? followed.broken;
  if (failure && !finished(seen.result)) {
    const output = seen.result?.output ?? '';
    return { result: { ...resultOf({ ...seen, result: { ...seen.result, state: 'failed', output, failure } }), ...stop } };
  }
  if (!seen.result)
    return { failure: { class: 'sandbox_lost', message: 'The run ended without saying how.' }, result: { ...resultOf(seen) } };
  return { result: { ...resultOf(seen), ...stop } };
}

/** It came to an end of its own. */
const finished = (result: RunResult | null): boolean => result !== null && result.state !== 'cancelled';

async function runAgent(run: LocalRun): Promise<JobOutcome> {
  const { job, context, executor, request, key } = run;
  if (context.signal.aborted) return { failure: { class: 'sandbox_lost', message: 'Stopped before the agent began.' } };
  const ref = await executor.start(request, key);
  const end = ending(executor, ref, context);
  const told = context.tell('job_started', { jobId: job.id, runRef: ref });
  const { files } = run;
  const enrich = files && ((body: string) => files.enrich(body, context.signal));
  const steering = steer({ job, ref, executor, context, db: run.db, ...(enrich ? { enrich } : {}) });
  const seen: Seen = { lastDelivered: 0, result: null, question: undefined };
  let broken: unknown;
  const reading = (async () => {
    for await (const event of executor.attach(ref)) {
      note(event, seen);
      await run.sink.push(event);
      if (event.type === 'complete') return;
    }
  })().catch((error) => {
    broken = error;
  });
  await Promise.race([reading, end.ended]);
  steering.close();
  await end.settle();
  await Promise.all([told, steering.settled()]).catch((error) => {
    if (!context.givenUp.aborted) throw error;
  });
  const kept = { ...resultOf(seen) };
  if (context.signal.aborted) {
    const endedItself = seen.result !== null && seen.result.state !== 'cancelled';
    return endedItself ? { result: kept } : { failure: { class: 'sandbox_lost', message: 'The agent was stopped.' }, result: kept };
  }
  if (broken !== undefined) {
    if (!(broken instanceof FailureError)) context.log.error({ jobId: job.id, error: String(broken) }, 'the events of an agent broke off');
    // Whatever it still does has no witness.
    await stopRun(executor, ref, context.log);
    return { failure: failureOf('agent', broken), result: kept };
  }
  if (!seen.result) return { failure: { class: 'sandbox_lost', message: 'The agent ended without saying how.' }, result: kept };
  return { result: kept };
}

interface Seen {
  lastDelivered: number;
  result: RunResult | null;
  question: AgentJobResult['question'] | undefined;
}

const resultOf = ({ result, lastDelivered, question }: Seen): AgentJobResult => ({
  result,
  lastDelivered: Math.max(lastDelivered, result?.lastDelivered ?? 0),
  ...(question ? { question } : {}),
});

function note(event: ExecutionEvent, seen: Seen): void {
  if (event.type === 'delivered') seen.lastDelivered = Math.max(seen.lastDelivered, event.messageId);
  if (event.type === 'needs-input') {
    seen.question = { question: event.question, ...(event.options ? { options: event.options } : {}) };
  }
  if (event.type === 'complete') seen.result = event.result;
}

interface Ending {
  /** Resolves when the run was stopped and has had its time for last words; never otherwise. */
  readonly ended: Promise<void>;
  /** Resolves when a stop that began is over. */
  settle(): Promise<void>;
}

/** Stops the run as soon as the job is to end. */
function ending(executor: TaskExecutor, ref: RunRef, context: JobContext): Ending {
  let stopping: Promise<void> | undefined;
  const settled = new AbortController();
  const ended = new Promise<void>((resolve) => {
    const stop = (): void => {
      stopping ??= stopRun(executor, ref, context.log);
      void stopping.then(() => context.clock.sleep(lastWordsMs, settled.signal)).then(resolve);
    };
    if (context.signal.aborted) stop();
    else context.signal.addEventListener('abort', stop, { once: true });
  });
  return {
    ended,
    async settle() {
      settled.abort();
      await stopping;
    },
  };
}

async function stopRun(executor: TaskExecutor, ref: RunRef, log: Log): Promise<void> {
  try {
    const answer = await executor.stop(ref);
    if (answer !== 'confirmed') log.warn({ ref, answer }, 'the stop of a run is not confirmed');
  } catch (error) {
    log.error({ ref, error: String(error) }, 'a run could not be stopped');
  }
}
