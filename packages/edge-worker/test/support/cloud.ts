import { FailureError } from 'cyrus-core/failure';
import type { AttemptKey, ExecutionEvent, ExecutionStatus, RunRef, TaskExecutor } from 'cyrus-executor-interface/executor';

interface CloudRun {
  readonly ref: RunRef;
  readonly key: AttemptKey;
  readonly events: ExecutionEvent[];
  readonly visibleAt: number;
  stopped: number;
}

/** A service elsewhere that keeps its runs whatever becomes of who follows them, played by the test. */
export class Cloud {
  readonly runs: CloudRun[] = [];
  /** From which event each reader went on. */
  readonly cursors: string[] = [];
  readonly steered: string[] = [];
  /** What a start does beside beginning a run. */
  onStart: (begin: (visibleInMs?: number) => RunRef) => Promise<RunRef> = async (begin) => begin();
  stopAnswer: 'confirmed' | 'requested' | 'unsupported' | Error = 'confirmed';
  status: Partial<ExecutionStatus> = {};
  /** The next readers lose their connection after so many events. */
  breakAfter: number[] = [];
  private waiting = Promise.withResolvers<void>();

  get run(): CloudRun {
    const run = this.runs.at(-1);
    if (!run) throw new Error('no run was begun');
    return run;
  }

  tell(...events: ExecutionEvent[]): void {
    this.run.events.push(...events);
    this.waiting.resolve();
    this.waiting = Promise.withResolvers();
  }

  succeed(output = 'Done.', more: object = {}): void {
    this.tell({ type: 'complete', result: { state: 'succeeded', output, ...more } });
  }

  /** What a process that starts anew has of it. */
  executor(more: Partial<TaskExecutor> = {}): TaskExecutor {
    const known = (ref: RunRef): CloudRun => {
      const run = this.runs.find((candidate) => candidate.ref.runId === ref.runId);
      if (!run) throw new FailureError({ class: 'invalid_request', message: `no run ${ref.runId}` });
      return run;
    };
    const cloud = this;
    return {
      id: 'sky',
      kind: 'cloud',
      capabilities: {
        ...{ cancel: 'run', followUp: true, steer: true, events: 'poll', webhook: false, cost: 'none', idempotentCreate: false },
        ...{ perRunModel: true, perRunMcp: false, opensPr: true, hardBudget: false, structuredOutput: false, resume: true },
      },
      start: (_request, key) =>
        cloud.onStart((visibleInMs = 0) => {
          const runId = `r${cloud.runs.length + 1}`;
          const ref = { executorId: 'sky', runId, url: `https://sky/${runId}` };
          cloud.runs.push({ ref, key, events: [], visibleAt: Date.now() + visibleInMs, stopped: 0 });
          return ref;
        }),
      find: async (key) =>
        cloud.runs.find((run) => run.key.attemptId === key.attemptId && run.key.number === key.number && run.visibleAt <= Date.now())?.ref,
      async *attach(ref, cursor = '0') {
        cloud.cursors.push(cursor);
        const breakAfter = cloud.breakAfter.shift();
        const run = known(ref);
        for (let [at, given] = [Number(cursor), 0]; ; at++, given++) {
          while (at >= run.events.length) await cloud.waiting.promise;
          if (given === breakAfter) throw new FailureError({ class: 'network', message: 'The connection broke.' });
          const event = run.events[at] as ExecutionEvent;
          yield event;
          if (event.type === 'complete') return;
        }
      },
      getStatus: async () => ({ state: 'running', rawState: 'RUNNING', ...cloud.status }),
      async stop(ref) {
        const run = known(ref);
        run.stopped += 1;
        if (cloud.stopAnswer instanceof Error) throw cloud.stopAnswer;
        if (cloud.stopAnswer === 'confirmed' && run.events.at(-1)?.type !== 'complete')
          cloud.tell({ type: 'complete', result: { state: 'cancelled', output: '' } });
        return cloud.stopAnswer;
      },
      async send(_ref, message) {
        cloud.steered.push(message.text);
        return 'queued';
      },
      health: async () => ({ state: 'ready', detail: '' }),
      ...more,
    };
  }
}
