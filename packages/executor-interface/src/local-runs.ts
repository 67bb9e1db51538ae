import type { EventLog } from './event-log.ts';
import type { AttemptKey, ExecutionEvent, ExecutionStatus, RunRef } from './executor.ts';

/** A run that lives in a process of this host. */
export interface LocalRun {
  readonly log: EventLog;
  readonly currentStep: string | undefined;
  /** Ends the whole process tree; resolves when nothing of it is left and `complete` is written. */
  stop(): Promise<void>;
  send(message: { readonly id: number; readonly text: string }): 'steered' | 'queued' | 'too_late';
}

/** The runs of one local executor, by the attempt's key. They live as long as this process, as the agents themselves do. */
export interface LocalRuns {
  /** The run id of a key: `{prefix}{attemptId}.{number}`; the same key always gives the same. */
  idOf(key: AttemptKey): string;
  /** Starts a run unless this key has one already; concurrent calls share one start. */
  start(key: AttemptKey, begin: (runId: string) => Promise<LocalRun>): Promise<RunRef>;
  find(key: AttemptKey): RunRef | undefined;
  attach(ref: RunRef, cursor?: string): AsyncIterable<ExecutionEvent>;
  status(ref: RunRef): ExecutionStatus;
  stop(ref: RunRef): Promise<'confirmed'>;
  send(ref: RunRef, message: { readonly id: number; readonly text: string }): 'steered' | 'queued' | 'too_late';
}

/** How many finished runs are remembered, so that a repeated start by key finds its run. */
const finishedKept = 200;

export function localRuns(executorId: string, runIdPrefix = ''): LocalRuns {
  const runs = new Map<string, LocalRun>();
  const starting = new Map<string, Promise<RunRef>>();
  const stopWanted = new Set<string>();
  const refOf = (runId: string): RunRef => ({ executorId, runId });
  const idOf = (key: AttemptKey): string => `${runIdPrefix}${key.attemptId}.${key.number}`;

  function forgetOldest(): void {
    const finished = [...runs].filter(([, run]) => run.log.ended);
    for (const [runId] of finished.slice(0, Math.max(0, finished.length - finishedKept))) runs.delete(runId);
  }

  return {
    idOf,
    async start(key, begin) {
      const runId = idOf(key);
      if (runs.has(runId)) return refOf(runId);
      const under = starting.get(runId);
      if (under) return under;
      const started = (async () => {
        const run = await begin(runId);
        runs.set(runId, run);
        forgetOldest();
        if (stopWanted.delete(runId)) await run.stop();
        return refOf(runId);
      })();
      starting.set(runId, started);
      try {
        return await started;
      } finally {
        starting.delete(runId);
        stopWanted.delete(runId);
      }
    },
    find: (key) => (runs.has(idOf(key)) ? refOf(idOf(key)) : undefined),
    async *attach(ref, cursor) {
      const run = runs.get(ref.runId);
      if (run) return yield* run.log.read(cursor);
      const message = `No run ${ref.runId} lives in this process: it ended with the process that started it.`;
      yield { type: 'complete', result: { state: 'failed', output: '', failure: { class: 'sandbox_lost', message } } };
    },
    status(ref) {
      const run = runs.get(ref.runId);
      if (!run) return { state: 'unknown', rawState: 'not in this process' };
      const state = run.log.ended?.state ?? 'running';
      return { state, rawState: state, ...(run.currentStep === undefined || run.log.ended ? {} : { currentStep: run.currentStep }) };
    },
    async stop(ref) {
      const under = starting.get(ref.runId);
      if (under) {
        stopWanted.add(ref.runId);
        await under.catch(() => undefined);
      }
      await runs.get(ref.runId)?.stop();
      return 'confirmed';
    },
    send: (ref, message) => runs.get(ref.runId)?.send(message) ?? 'too_late',
  };
}
