/**
 * Follows one agent to its end: its runs one after another, each by its stream, and what it cost. The events are made of what the service
 * keeps, so that another process gives the same ones again. (One state machine; its parts mean nothing apart.)
 */
import type { Clock } from 'cyrus-core/clock';
import type { ExecutionEvent, RunResult } from 'cyrus-executor-interface/executor';
import type { CursorClient } from './client.ts';
import { CursorError } from './failures.ts';
import { readLabel } from './label.ts';
import { normaliser } from './normalise.ts';
import type { RunLife } from './run-life.ts';
import { endState, workOf } from './run-state.ts';
import type { Frame } from './sse.ts';
import { messagesText } from './task-text.ts';
import { costIsKnown, usageEvent } from './usage-event.ts';
import type { Agent, Run, RunUsage } from './wire.ts';

/** How patient following is. */
export interface Patience {
  /** Between two looks at a run that cannot be streamed (default 10 s). */
  readonly pollMs: number;
  /** After a first failure; doubled with each (default 1 s). */
  readonly retryMs: number;
  /** A run the service does not know for so long is lost (default 3 min): right after its creation it may not be seen yet. */
  readonly lostAfterMs: number;
  /** A stream that says nothing for so long, not even that it lives, is opened anew (default 90 s). */
  readonly silentMs: number;
  /** The stream of a run that is over is given up when it gives nothing new for so long (default 20 s). */
  readonly lastEventsMs: number;
  /** How long a cost is waited for (default 30 s). */
  readonly costWaitMs: number;
  /** The deadline of an agent whose name was changed, so that its own is not known (default 24 h). */
  readonly longestRunMs: number;
}

export interface FollowOptions {
  readonly agentId: string;
  readonly client: CursorClient;
  readonly clock: Clock;
  readonly random: () => number;
  readonly patience: Patience;
  readonly life: RunLife;
  /** How many events were already read. */
  readonly cursor: number;
}

const longestRetryMs = 60_000;
const longestCostPollMs = 15_000;
/** For the events of a run that was over before it was followed. */
const readingMs = 300_000;
/** Timers do not go further. */
const longestTimerMs = 2 ** 31 - 1;
/** Whoever stopped a run does not wait long for its last words. */
const stoppedCostWaitMs = 1_000;
/** How following one run ended: its last state, or why it was given up. */
type RunEnd = { readonly run: Run } | 'late' | 'lost';

export async function* follow(options: FollowOptions): AsyncGenerator<ExecutionEvent> {
  const { agentId, client, clock, random, patience, life } = options;
  /** Ends every wait: the reader is gone. */
  const closed = new AbortController();
  /** The deadline has passed, or the reader is gone. */
  const late = new AbortController();
  const lateOrClosed = AbortSignal.any([late.signal, closed.signal]);
  let skip = options.cursor;
  let streamWasGone = false;
  let lastDelivered: number | undefined;

  const wait = (ms: number): Promise<void> => clock.sleep(ms * (0.75 + random() / 2), lateOrClosed);
  const retry = (failures: number): Promise<void> => wait(Math.min(longestRetryMs, patience.retryMs * 2 ** Math.min(failures, 10)));

  /** Leaves out what was read before. */
  function* unread(events: readonly ExecutionEvent[]): Generator<ExecutionEvent> {
    for (const event of events) {
      if (event.type === 'delivered') lastDelivered = Math.max(lastDelivered ?? 0, event.messageId);
      if (skip > 0) skip--;
      else yield event;
    }
  }

  /** Asks until there is an answer, whatever is in the way. A refusal that will not pass is waited out too: the run goes on without us. */
  async function patiently<T>(ask: () => Promise<T | undefined>): Promise<T | 'late' | 'lost'> {
    let missingSince: number | undefined;
    for (let failures = 0; ; failures++) {
      try {
        const answer = await ask();
        if (answer !== undefined) return answer;
        missingSince ??= clock.now();
        if (clock.now() - missingSince >= patience.lostAfterMs) return 'lost';
      } catch (error) {
        if (!(error instanceof CursorError)) throw error;
        missingSince = undefined;
      }
      if (late.signal.aborted) return 'late';
      await retry(failures);
    }
  }

  /** The frames of a run from a position on, until the stream ends, breaks, or is silent for too long. */
  async function* frames(runId: string, after: string | undefined): AsyncGenerator<Frame, 'expired' | 'unknown-position' | 'broken'> {
    const stop = new AbortController();
    try {
      const answer = await client.stream(agentId, runId, after, AbortSignal.any([lateOrClosed, stop.signal]));
      if (answer?.kind !== 'frames') return answer?.kind ?? 'broken';
      let heardAt = clock.now();
      const listen = async (): Promise<void> => {
        while (!stop.signal.aborted) {
          const leftMs = heardAt + patience.silentMs - clock.now();
          if (leftMs <= 0) stop.abort();
          else await clock.sleep(leftMs, stop.signal);
        }
      };
      void listen();
      // Read by hand: leaving a loop over it would wait for the stream to be closed in good order. It is cut.
      const reading = answer.frames[Symbol.asyncIterator]();
      for (;;) {
        const next = await reading.next();
        if (next.done) return 'broken';
        heardAt = clock.now();
        yield next.value;
      }
    } catch {
      // Whatever it was, the run is looked at next.
      return 'broken';
    } finally {
      stop.abort();
    }
  }

  async function* followRun(runId: string, isFollowUp: boolean): AsyncGenerator<ExecutionEvent, RunEnd> {
    const events = normaliser(isFollowUp);
    let fromStart = false;
    let expired = false;
    let failures = 0;
    /** Since when it is known that the run is over, and its stream has given nothing new. */
    let idleSince: number | undefined;
    for (;;) {
      if (life.stopWanted) await client.cancelRun(agentId, runId).catch(() => undefined);
      if (!expired && !events.ended) {
        const reading = frames(runId, fromStart ? undefined : events.position);
        const before = events.count;
        try {
          for (;;) {
            const { done, value } = await reading.next();
            if (done) {
              expired = value === 'expired';
              fromStart = value === 'unknown-position';
              break;
            }
            yield* unread(events.take(value));
            if (events.ended) break;
          }
        } finally {
          await reading.return('broken');
        }
        if (events.count > before) {
          failures = 0;
          idleSince = undefined;
        }
      }
      const run = await patiently(() => client.getRun(agentId, runId));
      if (run === 'late' || run === 'lost') return run;
      const over = endState(run.status) !== undefined;
      if (!over && late.signal.aborted) return 'late';
      if (over) idleSince ??= clock.now();
      const givenUp = expired || late.signal.aborted || clock.now() - (idleSince ?? clock.now()) >= patience.lastEventsMs;
      if (over && (events.ended || givenUp)) {
        if (!events.ended) {
          streamWasGone = true;
          // What was read before this is not known one by one: what is left to say is said only to a reader who has read nothing.
          const rest = events.flush(run.result);
          if (options.cursor === 0) yield* unread(rest);
          skip = 0;
        }
        return { run };
      }
      await (expired || events.ended ? wait(patience.pollMs) : retry(failures++));
    }
  }

  /** What a run cost, waited for: the service knows it some time after the end. */
  async function usageOf(runId: string): Promise<RunUsage | undefined> {
    const until = clock.now() + (life.stopWanted ? Math.min(stoppedCostWaitMs, patience.costWaitMs) : patience.costWaitMs);
    let reported: RunUsage | undefined;
    for (let looks = 0; ; looks++) {
      try {
        reported = (await client.usage(agentId, runId)) ?? reported;
      } catch (error) {
        if (!(error instanceof CursorError)) throw error;
        if (error.failure.class !== 'network' && error.failure.class !== 'rate_limited') return reported;
      }
      const leftMs = until - clock.now();
      if (costIsKnown(reported) || leftMs <= 0 || closed.signal.aborted) return reported;
      await clock.sleep(Math.min(leftMs, longestCostPollMs, patience.retryMs * 2 ** looks), closed.signal);
    }
  }

  /** Gives the agent what is to be said to it, once its run is over. False: it was not given. */
  async function sayPending(known: number): Promise<boolean> {
    const messages = life.pending.splice(0);
    for (let failures = 0; failures < 5 && !life.stopWanted && !late.signal.aborted; failures++) {
      try {
        await client.createRun(agentId, messagesText(messages));
        lastDelivered = Math.max(lastDelivered ?? 0, ...messages.map(({ id }) => id));
        return true;
      } catch (error) {
        if (!(error instanceof CursorError)) throw error;
        const { failure, code } = error;
        if (failure.class !== 'network' && failure.class !== 'rate_limited' && code !== 'agent_busy') return false;
        await retry(failures);
        // It may have taken effect: then there is a run more, whose stream shows what the agent was given.
        const all = await patiently(() => client.listRuns(agentId));
        if (typeof all !== 'string' && all.length > known) return true;
      }
    }
    return false;
  }

  /** Begins to wait for the deadline. A run that is over has met it, however late it is looked at: then there is only time to read. */
  async function begin(): Promise<{ readonly agent: Agent | 'late' | 'lost'; readonly model: string }> {
    const agent = await patiently(() => client.getAgent(agentId));
    const runs = await patiently(() => client.listRuns(agentId));
    const label = typeof agent === 'string' ? undefined : readLabel(agent.name);
    const begun = typeof agent === 'string' ? Number.NaN : Date.parse(agent.createdAt);
    const leftMs = (Number.isNaN(begun) ? clock.now() : begun) + (label?.timeoutMs ?? patience.longestRunMs) - clock.now();
    const isOver = typeof runs !== 'string' && runs.every(({ status }) => endState(status) !== undefined);
    void clock.sleep(Math.min(isOver ? Math.max(leftMs, readingMs) : leftMs, longestTimerMs), closed.signal).then(() => {
      if (!closed.signal.aborted) late.abort();
    });
    return { agent, model: label?.model ?? 'default' };
  }

  async function* toTheEnd(): AsyncGenerator<ExecutionEvent, RunResult> {
    const { agent, model } = await begin();
    if (agent === 'lost') return lost(agentId);
    for (let index = 0; ; index++) {
      const all = await patiently(async () => {
        const list = await client.listRuns(agentId);
        return list?.[index] ? list : undefined;
      });
      if (all === 'lost') return lost(agentId);
      const run = all === 'late' ? undefined : all[index];
      const end: RunEnd = run ? yield* followRun(run.id, index > 0) : 'late';
      if (end === 'lost') return lost(agentId);
      const stopped = end === 'late' && (await stopAgent(client, agentId, clock));
      const event = run && usageEvent(await usageOf(run.id), model);
      if (event) yield* unread([event]);
      if (end === 'late') return overdue(stopped === 'confirmed', lastDelivered);
      const next = await patiently(() => client.listRuns(agentId));
      if (typeof next !== 'string' && next.length > index + 1) continue;
      const more = life.pending.length > 0 && endState(end.run.status) === 'succeeded' && (await sayPending(index + 1));
      if (more) continue;
      // From here on nothing is taken any more: what comes now is too late.
      life.closed = true;
      return resultOf(agentId, end.run, lastDelivered, streamWasGone);
    }
  }

  try {
    const result = yield* toTheEnd();
    life.closed = true;
    yield { type: 'complete', result };
  } finally {
    closed.abort();
  }
}

/** Cancels what runs of an agent. `unseen`: the service does not know the agent. */
export async function stopAgent(client: CursorClient, agentId: string, clock: Clock): Promise<'confirmed' | 'requested' | 'unseen'> {
  for (let tries = 0; tries < 3; tries++) {
    try {
      const all = await client.listRuns(agentId);
      if (!all) return 'unseen';
      const active = all.filter(({ status }) => endState(status) === undefined);
      const answers = await Promise.all(active.map(({ id }) => client.cancelRun(agentId, id)));
      if (answers.every((answer) => answer === 'over')) return 'confirmed';
      for (let looks = 0; looks < 10; looks++) {
        const now = await client.listRuns(agentId);
        if (now?.every(({ status }) => endState(status) !== undefined)) return 'confirmed';
        await clock.sleep(100 * (looks + 1));
      }
      return 'requested';
    } catch (error) {
      if (!(error instanceof CursorError) || error.failure.class !== 'network' || tries === 2) throw error;
      await clock.sleep(500 * 2 ** tries);
    }
  }
  return 'requested';
}

const page = (agentId: string): string => `https://cursor.com/agents/${agentId}`;

function resultOf(agentId: string, run: Run, lastDelivered: number | undefined, eventsIncomplete: boolean): RunResult {
  const state = endState(run.status) ?? 'failed';
  const see = `See ${page(agentId)}.`;
  return {
    state,
    output: run.result ?? '',
    ...(state === 'failed'
      ? { failure: { class: 'agent_failed', message: `The agent ended with ${run.status}; Cursor says no more about it. ${see}` } }
      : {}),
    ...(state === 'expired' ? { failure: { class: 'timeout', message: `The agent took longer than Cursor allows. ${see}` } } : {}),
    ...workOf(run),
    ...(lastDelivered === undefined || eventsIncomplete ? {} : { lastDelivered }),
  };
}

const lost = (agentId: string): RunResult => ({
  state: 'failed',
  output: '',
  failure: { class: 'sandbox_lost', message: `Cursor no longer knows the agent ${agentId}: it was deleted.` },
});

const overdue = (stopped: boolean, lastDelivered: number | undefined): RunResult => ({
  state: 'expired',
  output: '',
  failure: {
    class: 'timeout',
    message: stopped
      ? 'The agent took longer than it was given, and was stopped.'
      : 'The agent took longer than it was given. Its stop was asked for and is not confirmed.',
  },
  ...(lastDelivered === undefined ? {} : { lastDelivered }),
});
