import type { RunRef, TaskExecutor } from 'cyrus-executor-interface/executor';
import type { Database } from 'cyrus-store/pool';
import { setMessageOutcome } from 'cyrus-store/queries/job-message-outcome';
import type { HostJob } from 'cyrus-store/queries/job-row';
import type { AgentMessage, JobContext } from '../supervisor/job-runner.ts';
import { untilStored } from '../supervisor/until-stored.ts';

export interface Steering {
  /** Nothing is handed to the agent from here on; what still waits ends as too late with the job. */
  close(): void;
  /** Resolves when the outcome of everything handed over is stored. */
  settled(): Promise<void>;
}

/** Hands the job's messages to its agent, each once, in their order. */
export function steer(options: {
  readonly job: HostJob;
  readonly ref: RunRef;
  readonly executor: TaskExecutor;
  readonly context: JobContext;
  readonly db: Database;
  /** Adds to a message what it takes to understand it. */
  readonly enrich?: (body: string) => Promise<string>;
}): Steering {
  const { job, ref, executor, context, db } = options;
  const { clock, log, givenUp } = context;
  let last = 0;
  let closed = false;
  let tail: Promise<void> = Promise.resolve();

  async function hand({ n, body }: AgentMessage): Promise<void> {
    const text = closed || !options.enrich ? body : await options.enrich(body);
    if (closed) return;
    const outcome = executor.send
      ? await executor.send(ref, { id: n, text }).catch((error) => {
          log.warn({ jobId: job.id, n, error: String(error) }, 'a message could not be handed to a running agent');
          return 'too_late' as const;
        })
      : 'too_late';
    await untilStored({ db, clock, log, givenUp }, 'the outcome of a message', (tx) =>
      setMessageOutcome(tx, { jobId: job.id, n, outcome }),
    );
  }

  context.onMessages((messages: readonly AgentMessage[]) => {
    for (const message of messages) {
      // Seen again until its outcome is stored.
      if (message.n <= last) continue;
      last = message.n;
      tail = tail
        .then(() => hand(message))
        .catch((error) => {
          if (!givenUp.aborted)
            log.error({ jobId: job.id, n: message.n, error: String(error) }, 'the outcome of a message could not be stored');
        });
    }
  });
  return {
    close() {
      closed = true;
    },
    settled: () => tail,
  };
}
