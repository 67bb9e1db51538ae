import type { Clock, Instant } from 'cyrus-core/clock';
import type { MicroUsd } from 'cyrus-core/money';
import type { ExecutionEvent, RunRef } from 'cyrus-executor-interface/executor';
import type { CodegenClient } from './client.ts';
import type { LogBudget } from './log-budget.ts';
import { createLogReader } from './log-reader.ts';
import type { CodegenRun } from './payload.ts';
import type { Poller, Seen } from './poller.ts';
import { placeOf } from './run-id.ts';
import { notesOf } from './run-notes.ts';
import { outputOf, resultOf, workOf } from './run-result.ts';
import { stateOf } from './status.ts';

/** What following a run needs of its executor. */
export interface Follower {
  readonly client: CodegenClient;
  readonly poller: Poller;
  readonly clock: Clock;
  readonly estimatedCostPerRun: MicroUsd | undefined;
  /** False: the log is not read, and there are no events before the end. */
  readonly tracing: boolean;
  /** A run that is 404 for so long is gone. */
  readonly lostAfterMs: number;
  /** For a run that was never seen. */
  readonly longestMs: number;
  stop(ref: RunRef): Promise<'confirmed' | 'requested' | 'unsupported'>;
  /** Runs that are to stop as soon as they can be stopped. */
  readonly stopWanted: Set<number>;
  readonly logBudget: LogBudget;
  unknownStatus(run: CodegenRun): void;
  step(runId: number, what: string | undefined): void;
}

/** A follow-up that was just asked for may still be told as ended. */
const turnGraceMs = 60_000;
const missesBeforeLost = 5;

/**
 * The events of a run to its end. The first may be its assumed cost, then come those of its log, at last its end: all of it is in the
 * service's hands, so that `cursor` leads to the same place in a process that has never seen the run.
 */
export async function* followRun(follower: Follower, ref: RunRef, cursor: string | undefined): AsyncGenerator<ExecutionEvent> {
  const { client, clock } = follower;
  const { id, turn } = placeOf(ref.runId);
  const watch = follower.poller.watch(id);
  const reading = follower.logBudget.join();
  const reader = createLogReader(client, id, turn?.afterEntries ?? 0);
  const began = clock.now();
  let deadline: Instant = turn?.deadline ?? began + follower.longestMs;
  let toSkip = Math.max(0, Number(cursor) || 0);
  let lastMessage: string | undefined;
  let lastError: string | undefined;
  let missing = { since: began, times: 0 };
  let charged = false;
  let heard = false;

  /** Those that were not given before. */
  function fresh(events: readonly ExecutionEvent[]): readonly ExecutionEvent[] {
    const given = events.slice(toSkip);
    toSkip = Math.max(0, toSkip - events.length);
    return given;
  }

  function note(events: readonly ExecutionEvent[]): void {
    for (const event of events) {
      if (event.type === 'message') lastMessage = event.content;
      if (event.type === 'error') lastError = event.failure.message;
      if (event.type === 'tool-use' || event.type === 'message') follower.step(id, event.type === 'message' ? event.content : event.tool);
      heard = true;
    }
  }

  async function newEvents(patient: boolean): Promise<readonly ExecutionEvent[]> {
    if (!follower.tracing || (!patient && !reading.mayLook())) return [];
    const read = await reader.read({ patient });
    if (!read.ok) return [];
    note(read.value);
    return read.value;
  }

  /** Once, before everything else: what was started costs, however it ends. */
  function charge(model: string | undefined): readonly ExecutionEvent[] {
    if (charged) return [];
    charged = true;
    return assumedCost(follower.estimatedCostPerRun, model);
  }

  /** The end, with what was not said before it. */
  function ending(run: CodegenRun): readonly ExecutionEvent[] {
    const state = stateOf(run.status);
    const said = outputOf(run);
    const output = said || lastMessage || '';
    const result = resultOf(run, state, output, lastError);
    if (!result) return [];
    const unsaid: ExecutionEvent[] = said !== '' && said !== lastMessage && state !== 'failed' ? [{ type: 'message', content: said }] : [];
    const asked: ExecutionEvent[] = state === 'needs_input' ? [{ type: 'needs-input', question: output || 'Codegen paused the run.' }] : [];
    return [...unsaid, ...asked, { type: 'complete', result }];
  }

  /** Undefined once the deadline is over. */
  async function look(): Promise<Seen | undefined> {
    const decided = new AbortController();
    const late = clock.sleep(Math.max(0, deadline - clock.now()), decided.signal).then(() => undefined);
    try {
      return await Promise.race([watch.next(), late]);
    } finally {
      decided.abort();
    }
  }

  try {
    for (;;) {
      const seen = await look();
      if (!seen) return yield* fresh([...charge(undefined), await expired(follower, ref, id)]);
      if (seen.kind === 'failed') continue;
      if (seen.kind === 'missing') {
        missing = { ...missing, times: missing.times + 1 };
        if (missing.times < missesBeforeLost || clock.now() - missing.since < follower.lostAfterMs) continue;
        return yield* fresh([...charge(undefined), gone(id)]);
      }
      const { run } = seen;
      const notes = notesOf(run);
      missing = { since: clock.now(), times: 0 };
      if (!turn && notes) deadline = notes.deadline;
      yield* fresh(charge(notes?.model));
      const state = stateOf(run.status);
      if (state === 'unknown') follower.unknownStatus(run);
      if (follower.stopWanted.has(id) && workOf(run).pullRequestUrl !== undefined) await follower.stop(ref).catch(() => undefined);
      const over = ['succeeded', 'needs_input', 'failed', 'cancelled', 'expired'].includes(state);
      yield* fresh(await newEvents(over));
      if (!over) continue;
      // What was asked to go on may not have begun yet.
      if (turn && !heard && clock.now() - began < turnGraceMs) continue;
      return yield* fresh(ending(run));
    }
  } finally {
    reading.leave();
    follower.stopWanted.delete(id);
    follower.step(id, undefined);
    watch.close();
  }
}

function assumedCost(cost: MicroUsd | undefined, model: string | undefined): readonly ExecutionEvent[] {
  if (cost === undefined) return [];
  const tokens = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 };
  return [{ type: 'usage', usage: { model: model ?? 'codegen', ...tokens, cost, trust: 'estimated' } }];
}

async function expired(follower: Follower, ref: RunRef, id: number): Promise<ExecutionEvent> {
  const stopped = await follower.stop(ref).catch(() => 'unsupported' as const);
  const became = {
    confirmed: 'and was stopped',
    requested: 'and Codegen was asked to stop it',
    unsupported: 'and cannot be stopped from here: Codegen stops runs by their pull request only, so it may go on there',
  }[stopped];
  const message = `Run ${id} was not over in time, ${became}.`;
  return { type: 'complete', result: { state: 'expired', output: '', failure: { class: 'timeout', message, stopped } } };
}

const gone = (id: number): ExecutionEvent => ({
  type: 'complete',
  result: { state: 'failed', output: '', failure: { class: 'sandbox_lost', message: `Codegen no longer knows of run ${id}.` } },
});
