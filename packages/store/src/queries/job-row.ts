import type { JobKind } from 'cyrus-core/domain/effects';
import type { Failure } from 'cyrus-core/failure';
import type { HostJobState } from 'cyrus-core/states';

/** One host job, as its runner gets it. */
export interface HostJob {
  readonly id: string;
  readonly kind: JobKind;
  /** The entity that is told how this ends. */
  readonly notify: string;
  readonly sessionId: string | null;
  readonly planId: string | null;
  readonly taskId: string | null;
  readonly attemptId: string | null;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** What a job's end leaves in its row and tells its entity. */
export interface HostJobEnd {
  readonly state: Extract<HostJobState, 'done' | 'failed' | 'killed' | 'lost'>;
  readonly result: Readonly<Record<string, unknown>> | null;
  readonly failure: Failure | null;
}

/** The columns of `HostJob`, of a table aliased `j`. */
export const hostJobColumns: string = `j.id, j.kind, j.notify, j.session_id as "sessionId", j.plan_id as "planId",
  j.task_id as "taskId", j.attempt_id as "attemptId", j.payload`;
