import type { Instant } from 'cyrus-core/clock';
import { formatDuration } from 'cyrus-core/duration';
import { type Failure, FailureError } from 'cyrus-core/failure';
import {
  type AttemptKey,
  type ExecutionEvent,
  type ExecutionRequest,
  finalRunStates,
  type RunRef,
  type TaskExecutor,
} from 'cyrus-executor-interface/executor';
import type { RunEnd, RunOrder } from 'cyrus-task-orchestrator/attempt-run';
import type { JobContext } from '../supervisor/job-runner.ts';

/** How runs elsewhere are begun, found, followed and stopped. None of it ends a run because this process ends. */

type StopOutcome = NonNullable<RunEnd['stop']>;

const leastMisses = 3;
const pausesMs = { first: 1_000, longest: 15_000 };

/** Waits that get longer: between looks for a run, or tries of a call. */
function createPauses(context: JobContext): (longestMs?: number) => Promise<void> {
  let next = pausesMs.first;
  return async (longestMs = pausesMs.longest) => {
    await context.clock.sleep(Math.min(next, longestMs), context.signal);
    next = Math.min(next * 2, pausesMs.longest);
  };
}

const cutOff = (): FailureError =>
  new FailureError({ class: 'sandbox_lost', message: 'Cut off before it was known whether the run began.' });

/** Resolves as `work` does, or rejects when the job is to end: nothing that `work` does ends with it. */
function unlessAborted<T>(context: JobContext, work: Promise<T>, patienceMs: number): Promise<T> {
  const { signal, clock } = context;
  work.catch(() => undefined);
  return new Promise<T>((resolve, reject) => {
    const over = (): void => void clock.sleep(patienceMs).then(() => reject(cutOff()));
    if (signal.aborted) over();
    else signal.addEventListener('abort', over, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', over));
  });
}

/** How long a stop waits for the answer to a start that is under way: with it, the run can be stopped at once. */
const startPatienceMs = 2_000;

/**
 * The run of an attempt: begun, or found where it is not known whether it began.
 * @throws FailureError `ambiguous` where that stays unknown
 */
export async function beginRun(
  executor: TaskExecutor,
  job: { readonly key: AttemptKey; readonly request?: ExecutionRequest; readonly order?: RunOrder },
  context: JobContext,
): Promise<RunRef> {
  const { key, request, order } = job;
  if (order?.do === 'attach') return order.ref;
  if (order?.do === 'find') return findRun(executor, key, order.until, context);
  if (!request) throw new Error('an agent job has neither a request nor an order');
  const start = () => unlessAborted(context, executor.start(request, key), startPatienceMs);
  if (order?.do !== 'insist') return start();
  const pause = createPauses(context);
  for (;;) {
    try {
      return await start();
    } catch (error) {
      const unknown = error instanceof FailureError && error.failure.ambiguous === true;
      if (!unknown || context.signal.aborted || context.clock.now() >= order.until) throw error;
      await pause();
    }
  }
}

async function findRun(executor: TaskExecutor, key: AttemptKey, until: Instant, context: JobContext): Promise<RunRef> {
  const { clock, signal } = context;
  const pause = createPauses(context);
  const longestMs = Math.max(100, (until - clock.now()) / 6);
  let [misses, failures] = [0, 0];
  let last: Failure | undefined;
  for (;;) {
    if (signal.aborted) throw cutOff();
    try {
      const found = await unlessAborted(context, executor.find(key), 0);
      if (found) return found;
      misses += 1;
    } catch (error) {
      if (!(error instanceof FailureError)) throw error;
      last = error.failure;
      failures += 1;
    }
    const now = clock.now();
    // A service that does not answer proves nothing; it is given as long again.
    if (now >= until && misses >= leastMisses) break;
    if (now >= until && failures >= leastMisses && failures > misses) break;
    await pause(longestMs);
  }
  throw new FailureError({
    class: last?.class ?? 'network',
    message: last?.message ?? 'No run bears the mark of this attempt.',
    ambiguous: true,
  });
}

export interface Followed {
  readonly stop?: StopOutcome;
  /** Why the events broke off; absent: `complete` came, or the job was ended. */
  readonly broken?: Failure;
  /** The run was to be over and was not. */
  readonly late?: Failure;
}

/** Past the deadline, for executors that keep it themselves and say more than can be said here. */
const graceMs = 10_000;
/** How long a run that is to stop may take to say so: whoever asked for the stop waits for it. */
const lastWordsMs = 1_500;
const passing: ReadonlySet<Failure['class']> = new Set(['network', 'rate_limited', 'timeout', 'auth']);

/**
 * Follows a run to its end from the event number `cursor`. Ends with the job: a stop of the job stops the run, a shutdown leaves it. A
 * connection that breaks is no end; the deadline is.
 */
export async function followRun(
  executor: TaskExecutor,
  ref: RunRef,
  options: {
    readonly cursor: number;
    readonly deadline: Instant;
    readonly timeoutMs: number;
    readonly context: JobContext;
    readonly take: (event: ExecutionEvent) => Promise<void>;
  },
): Promise<Followed> {
  const { context, deadline, take } = options;
  const { clock, signal, log } = context;
  let cursor = options.cursor;
  let [left, complete] = [false, false];
  let broken: Failure | undefined;

  async function read(): Promise<void> {
    const pause = createPauses(context);
    while (!left && !complete) {
      try {
        for await (const event of executor.attach(ref, String(cursor))) {
          if (left) return;
          if (event.type !== 'heartbeat') cursor += 1;
          await take(event);
          complete = event.type === 'complete';
          if (complete) return;
        }
        return;
      } catch (error) {
        if (left) return;
        if (!(error instanceof FailureError) || !passing.has(error.failure.class)) {
          if (!(error instanceof FailureError)) log.error({ ref, error: String(error) }, 'the events of a run elsewhere broke off');
          broken = error instanceof FailureError ? error.failure : { class: 'sandbox_lost', message: 'The events of the run broke off.' };
          return;
        }
        log.warn({ ref, failure: error.failure.message }, 'the events of a run elsewhere broke off; it is asked for again');
        await pause();
      }
    }
  }

  const reading = read();
  const over = new AbortController();
  const ends = await Promise.race([
    reading.then(() => 'read' as const),
    aborted(signal).then(() => 'aborted' as const),
    clock.sleep(Math.max(0, deadline + graceMs - clock.now()), over.signal).then(() => 'late' as const),
  ]);
  over.abort();
  if (ends === 'read' && broken === undefined) return {};
  if (ends === 'aborted' && signal.reason === 'shutdown') {
    left = true;
    return {};
  }
  const asked = await stopElsewhere(executor, ref, context);
  const done = new AbortController();
  if (asked && asked !== 'unsupported' && !complete) await Promise.race([reading, clock.sleep(lastWordsMs, done.signal)]);
  done.abort();
  left = true;
  // Its end was seen: nothing of it goes on.
  const stop = asked === 'requested' && complete ? 'confirmed' : asked;
  const stopped = stop === undefined ? {} : { stop };
  if (ends === 'read') return { ...stopped, ...(broken ? { broken } : {}) };
  return ends === 'late' ? { ...stopped, late: lateFailure(executor, ref, options.timeoutMs, stop) } : stopped;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

const stopWithinMs = 10_000;

/** Asks for a stop; undefined: it could not be asked for. */
export async function stopElsewhere(executor: TaskExecutor, ref: RunRef, { clock, log }: JobContext): Promise<StopOutcome | undefined> {
  const done = new AbortController();
  try {
    const outcome = await Promise.race([executor.stop(ref), clock.sleep(stopWithinMs, done.signal).then(() => undefined)]);
    if (outcome !== 'confirmed') log.warn({ ref, outcome }, 'the stop of a run elsewhere is not confirmed');
    return outcome;
  } catch (error) {
    log.warn({ ref, error: String(error) }, 'the stop of a run elsewhere could not be asked for');
    return undefined;
  } finally {
    done.abort();
  }
}

function lateFailure(executor: TaskExecutor, { url }: RunRef, timeoutMs: number, stop: StopOutcome | undefined): Failure {
  const what = {
    confirmed: 'It was stopped.',
    requested: `${executor.id} was asked to stop it and has not confirmed that.`,
    unsupported: `${executor.id} cannot stop a run: it may go on there.`,
    unknown: `${executor.id} could not be asked to stop it.`,
  }[stop ?? 'unknown'];
  const see = stop !== 'confirmed' && url ? ` See ${url}` : '';
  return {
    class: 'timeout',
    message: `The run was still at work after ${formatDuration(timeoutMs)}. ${what}${see}`,
    ...(stop === undefined ? {} : { stopped: stop }),
  };
}

/** Looks for a run that nobody waits for any more until `until`, and stops it. */
export async function huntRun(
  executor: TaskExecutor,
  key: AttemptKey,
  order: Extract<RunOrder, { do: 'hunt' }>,
  context: JobContext,
): Promise<RunEnd> {
  const pause = createPauses(context);
  const cannot = executor.capabilities.cancel === 'none';
  let caught = order.ref;
  while (!context.signal.aborted) {
    caught ??= await executor.find(key).catch(() => undefined);
    const stop = caught && (await stopElsewhere(executor, caught, context));
    const over = context.clock.now() >= order.until;
    // What cannot be stopped yet may be later: some services stop a run by its pull request.
    if (caught && ((stop && (stop !== 'unsupported' || cannot)) || over)) {
      const { state, pullRequestUrl } = (await executor.getStatus(caught).catch(() => undefined)) ?? {};
      const ended = stop === 'requested' && state !== undefined && finalRunStates.includes(state);
      return { caught, ...(stop ? { stop: ended ? 'confirmed' : stop } : {}), ...(pullRequestUrl === undefined ? {} : { pullRequestUrl }) };
    }
    if (over) return {};
    await pause();
  }
  throw cutOff();
}
