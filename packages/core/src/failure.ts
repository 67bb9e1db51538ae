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
  /** Of a run that was not done in time: what became of stopping it. */
  readonly stopped?: 'confirmed' | 'requested' | 'unsupported';
}

/**
 * What is done first about a failure.
 * `retry_same`: the same again after a while. `wait`: until the time that was told; it is no failure. `park`: everything of the executor
 * waits until its limit ends. `mend`: the executor is out until a person has mended it. `fallback`: another executor. `free`: one
 * that costs nothing more. `resume`: a new sandbox, the saved work. `fresh_attempt`: again, with what was learned.
 */
export type FailureAction = 'retry_same' | 'wait' | 'park' | 'mend' | 'fail' | 'fallback' | 'free' | 'resume' | 'fresh_attempt';

export interface FailureRule {
  readonly first: FailureAction;
  /** How often that is done on one executor before the chain goes on; `attempts`: as configured; null: what is told is waited for. */
  readonly times: number | 'attempts' | null;
  /** Another executor may have better luck. */
  readonly fallback: boolean;
  /** The end of the chain. */
  readonly last: 'ask' | 'fail';
  /** What it says about the executor: nothing; that it is in trouble when it happens again and again; that it is of no use now. */
  readonly executor: 'nothing' | 'counts' | 'out';
}

/** The table of failures in the design. An ambiguous failure has an answer of its own: a person's. */
export const failureRules: Readonly<Record<FailureClass, FailureRule>> = {
  network: { first: 'retry_same', times: 3, fallback: true, last: 'ask', executor: 'counts' },
  rate_limited: { first: 'wait', times: null, fallback: true, last: 'ask', executor: 'out' },
  quota_exhausted: { first: 'park', times: null, fallback: true, last: 'ask', executor: 'out' },
  auth: { first: 'mend', times: null, fallback: true, last: 'ask', executor: 'out' },
  missing_binary: { first: 'mend', times: null, fallback: true, last: 'ask', executor: 'out' },
  invalid_request: { first: 'fail', times: 0, fallback: false, last: 'fail', executor: 'nothing' },
  timeout: { first: 'fallback', times: 0, fallback: true, last: 'ask', executor: 'counts' },
  budget_exceeded: { first: 'free', times: 0, fallback: false, last: 'ask', executor: 'nothing' },
  sandbox_lost: { first: 'resume', times: 20, fallback: true, last: 'ask', executor: 'nothing' },
  agent_failed: { first: 'fresh_attempt', times: 'attempts', fallback: true, last: 'ask', executor: 'nothing' },
  no_evidence: { first: 'fresh_attempt', times: 'attempts', fallback: true, last: 'ask', executor: 'nothing' },
  checks_failed: { first: 'fresh_attempt', times: 'attempts', fallback: true, last: 'ask', executor: 'nothing' },
  conflict: { first: 'fresh_attempt', times: 1, fallback: false, last: 'ask', executor: 'nothing' },
  setup_failed: { first: 'fail', times: 0, fallback: false, last: 'fail', executor: 'nothing' },
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
