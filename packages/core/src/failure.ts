import type { Instant } from './clock.ts';

/** What can go wrong with work, by what is done about it. Classified once, at the adapter's edge. */
export type FailureClass =
  | 'network'
  | 'rate_limited'
  | 'quota_exhausted'
  | 'auth'
  | 'invalid_request'
  | 'timeout'
  | 'budget_exceeded'
  | 'sandbox_lost'
  | 'agent_failed'
  | 'no_evidence'
  | 'checks_failed'
  | 'setup_failed'
  | 'conflict'
  | 'missing_binary';

export interface Failure {
  readonly class: FailureClass;
  /** What failed, for a person; no stack, no secret. */
  readonly message: string;
  /** What to do next, for a person. */
  readonly fix?: string;
  /** When the cause is known to pass. */
  readonly retryAt?: Instant;
  /** It is not known whether what was asked for took effect: it is looked for before it is asked for again. */
  readonly ambiguous?: boolean;
}

export type FailureAction = 'retry_same' | 'wait' | 'park' | 'fail' | 'fresh_attempt' | 'resume' | 'ask';

/** The action per class (the table of failures in the design): the first answer to it, before fallback. */
export const failureAction: Readonly<Record<FailureClass, FailureAction>> = {
  network: 'retry_same',
  rate_limited: 'wait',
  quota_exhausted: 'park',
  auth: 'park',
  invalid_request: 'fail',
  timeout: 'fail',
  budget_exceeded: 'ask',
  sandbox_lost: 'resume',
  agent_failed: 'fresh_attempt',
  no_evidence: 'fresh_attempt',
  checks_failed: 'fresh_attempt',
  setup_failed: 'fail',
  conflict: 'fresh_attempt',
  missing_binary: 'park',
};

/** A failure that crosses a port as an exception, because the port's result type has no room for it. */
export class FailureError extends Error {
  readonly failure: Failure;
  constructor(failure: Failure, cause?: unknown) {
    super(failure.message, cause === undefined ? undefined : { cause });
    this.name = 'FailureError';
    this.failure = failure;
  }
}
