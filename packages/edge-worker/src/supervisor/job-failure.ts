import type { JobKind } from 'cyrus-core/domain/effects';
import { type Failure, type FailureClass, FailureError } from 'cyrus-core/failure';

/** What an unforeseen error of a job counts as: nothing that would make the same work start again at once. */
const unforeseen: Readonly<Record<JobKind, FailureClass>> = {
  issue: 'invalid_request',
  prepare: 'setup_failed',
  setup: 'setup_failed',
  agent: 'agent_failed',
  collect: 'invalid_request',
  verify: 'invalid_request',
  merge: 'invalid_request',
  cleanup: 'invalid_request',
  gc: 'setup_failed',
};

/** The failure that what a runner threw stands for. */
export function failureOf(kind: JobKind, thrown: unknown): Failure {
  if (thrown instanceof FailureError) return thrown.failure;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return {
    class: unforeseen[kind],
    message: `The ${kind} job broke unexpectedly: ${message.split('\n')[0] ?? ''}`,
    fix: 'The service log has the details.',
  };
}

export const stoppedFailure: Failure = { class: 'sandbox_lost', message: 'Stopped as asked.' };
export const shutdownFailure: Failure = { class: 'sandbox_lost', message: 'The service was shut down while this ran.' };
export const databaseFailure: Failure = { class: 'sandbox_lost', message: 'The database went away while this ran.' };
