import type { Clock } from 'cyrus-core/clock';
import type { Failure } from 'cyrus-core/failure';
import type { Log } from 'cyrus-store/log';
import type { HostJob } from 'cyrus-store/queries/job-row';

/** Why a running job is to end at once: its plan was asked to stop, or the service goes down. */
export type AbortReason = 'stopped' | 'shutdown';

export interface AgentMessage {
  readonly n: number;
  readonly body: string;
}

/** What a job's runner is given besides its job. */
export interface JobContext {
  /** Aborts when the job is to end at once; its `reason` is an `AbortReason`. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly log: Log;
  /** Aborts when the process ends and nothing more can be stored. */
  readonly givenUp: AbortSignal;
  /** The boot the job runs under: the fence of what is written for it. */
  readonly bootId: string;
  /** Tells the job's entity something on the way. Resolves when it is stored, which may be after an outage of the database. */
  tell(kind: string, payload: Readonly<Record<string, unknown>>): Promise<void>;
  /** Called with the messages that wait for this job's agent, in order; with the same ones again until they have an outcome. */
  onMessages(handler: (messages: readonly AgentMessage[]) => void): void;
}

/** What a job came to. A failure may come with what there is of a result. */
export type JobOutcome =
  | { readonly result: Readonly<Record<string, unknown>> }
  | { readonly failure: Failure; readonly result?: Readonly<Record<string, unknown>> };

/**
 * Does one job. Ends promptly once `context.signal` aborts, with nothing of the job left running; what it returns then is
 * kept beside the job's end. An expected failure is returned (or thrown as a `FailureError`); anything else thrown is a defect.
 */
export type JobRunner = (job: HostJob, context: JobContext) => Promise<JobOutcome>;
