import type { Clock } from 'cyrus-core/clock';
import type { JobKind } from 'cyrus-core/domain/effects';
import { FailureError } from 'cyrus-core/failure';
import type { Log } from 'cyrus-store/log';
import { ConnectionLost, type Database } from 'cyrus-store/pool';
import { endJob } from 'cyrus-store/queries/job-end';
import { tellOfJob } from 'cyrus-store/queries/job-notice';
import type { HostJob, HostJobEnd } from 'cyrus-store/queries/job-row';
import { databaseFailure, failureOf, shutdownFailure, stoppedFailure } from './job-failure.ts';
import type { AbortReason, AgentMessage, JobOutcome, JobRunner } from './job-runner.ts';
import type { Redact } from './redact.ts';
import { storable } from './storable.ts';
import { untilStored } from './until-stored.ts';

/** A job under way in this process. */
export interface RunningJob {
  readonly job: HostJob;
  /** Ends the job at once. The first reason counts. */
  abort(reason: AbortReason): void;
  handMessages(messages: readonly AgentMessage[]): void;
  /** Resolves when the job's end is stored, or was given up; never rejects. */
  readonly ended: Promise<void>;
}

export interface RunJobOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly bootId: string;
  readonly redact: Redact;
  /** Aborts when the process ends: what cannot be stored then is left to the next start. */
  readonly givenUp: AbortSignal;
}

/** Starts `runner` on a claimed job and stores how it ends, whatever happens to the database meanwhile. */
export function runJob(job: HostJob, runner: JobRunner | undefined, options: RunJobOptions): RunningJob {
  const { db, clock, log, bootId, redact, givenUp } = options;
  const controller = new AbortController();
  let handler: ((messages: readonly AgentMessage[]) => void) | undefined;
  const reason = (): AbortReason | undefined => (controller.signal.aborted ? (controller.signal.reason as AbortReason) : undefined);

  async function perform(): Promise<JobOutcome> {
    if (!runner) throw new Error(`nothing on this host does jobs of the kind ${job.kind}`);
    return await runner(job, {
      signal: controller.signal,
      clock,
      log,
      givenUp,
      bootId,
      async tell(kind, payload) {
        await untilStored({ db, clock, log, givenUp }, kind, (tx) => tellOfJob(tx, { id: job.id, bootId }, kind, payload));
      },
      onMessages(next) {
        handler = next;
      },
    });
  }

  async function run(): Promise<void> {
    let outcome: JobOutcome;
    let cutOff = false;
    try {
      outcome = await perform();
    } catch (error) {
      if (!reason() && !(error instanceof FailureError)) log.error({ jobId: job.id, kind: job.kind, error: causes(error) }, 'a job broke');
      outcome = { failure: error instanceof ConnectionLost ? databaseFailure : failureOf(job.kind, error) };
      cutOff = saysNothing(job.kind, error);
    }
    handler = undefined;
    await store(endOf(outcome, reason(), cutOff));
  }

  async function store(end: HostJobEnd): Promise<void> {
    const clean = storable(end, redact) as HostJobEnd;
    const write = (wanted: HostJobEnd) =>
      untilStored({ db, clock, log, givenUp }, 'the end of a job', (tx) => endJob(tx, { id: job.id, bootId }, wanted));
    try {
      const told = await write(clean).catch((error) => {
        if (givenUp.aborted) throw error;
        log.error({ jobId: job.id, kind: job.kind, error: causes(error) }, 'the result of a job could not be stored');
        return write({ state: 'failed', result: null, failure: failureOf(job.kind, error) });
      });
      if (!told) log.warn({ jobId: job.id, kind: job.kind }, 'a job had been ended by another start of the service');
    } catch (error) {
      log.warn({ jobId: job.id, kind: job.kind, error: String(error) }, 'the end of a job is left to the next start');
    }
  }

  return {
    job,
    abort(why) {
      if (!controller.signal.aborted) controller.abort(why);
    },
    handMessages(messages) {
      try {
        handler?.(messages);
      } catch (error) {
        log.error({ jobId: job.id, error: causes(error) }, 'messages could not be handed to a running agent');
      }
    },
    ended: run(),
  };
}

/** A result that came in spite of a shutdown counts; a stop wins over everything. `cutOff`: what ended it says nothing of the work. */
function endOf(outcome: JobOutcome, reason: AbortReason | undefined, cutOff: boolean): HostJobEnd {
  const result = outcome.result ?? null;
  if (reason === 'stopped') return { state: 'killed', result, failure: stoppedFailure };
  if (!('failure' in outcome)) return { state: 'done', result, failure: null };
  if (reason === 'shutdown') return { state: 'lost', result, failure: shutdownFailure };
  if (cutOff) return { state: 'lost', result, failure: outcome.failure };
  return { state: 'failed', result, failure: outcome.failure };
}

/** Jobs that are nothing but git and checks: where one was killed, all of it can be done again. */
const repeatable: ReadonlySet<JobKind> = new Set(['prepare', 'collect', 'verify', 'merge', 'cleanup']);

/** The database went away, or somebody killed the git of a job: lost like a job whose service was killed, and done again like it. */
function saysNothing(kind: JobKind, error: unknown): boolean {
  return (
    error instanceof ConnectionLost || (repeatable.has(kind) && error instanceof FailureError && error.failure.class === 'sandbox_lost')
  );
}

function causes(error: unknown): string {
  const parts: string[] = [];
  for (let at: unknown = error; at !== undefined && parts.length < 6; at = at instanceof Error ? at.cause : undefined) {
    parts.push(at instanceof Error ? (at.stack ?? at.message) : String(at));
  }
  return parts.join('\ncaused by: ');
}
