import type { Instant } from 'cyrus-core/clock';
import { formatDuration } from 'cyrus-core/duration';
import type { Failure, FailureClass } from 'cyrus-core/failure';

const dayMs = 86_400_000;

/** `14:00 UTC` within a day, else with its date. */
export function atTime(at: Instant, now: Instant): string {
  const iso = new Date(at).toISOString();
  return `${at - now < dayMs ? '' : `${iso.slice(0, 10)} `}${iso.slice(11, 16)} UTC`;
}

export const waitWords = (ms: number): string => (ms < 60_000 ? `${Math.max(1, Math.ceil(ms / 1000))} s` : formatDuration(ms));

const stopWords = {
  confirmed: 'its run was stopped',
  requested: 'its run was asked to stop',
  unsupported: 'its run cannot be stopped and may go on',
} as const;

const atFault: Readonly<Record<FailureClass, string>> = {
  network: 'cannot be reached',
  rate_limited: 'limits the rate of calls',
  quota_exhausted: 'is over its quota',
  auth: 'refuses its credentials',
  missing_binary: 'is not installed',
  invalid_request: 'refused the task',
  timeout: 'was not done in time',
  budget_exceeded: 'has used up its money',
  sandbox_lost: 'lost its sandbox again and again',
  agent_failed: 'failed',
  no_evidence: 'changed nothing',
  checks_failed: 'did not get the checks to pass',
  conflict: 'could not resolve the conflict',
  setup_failed: 'could not set up the repository',
};

/** What is wrong with an executor, as one true sentence without its full stop: "Codegen is over its quota until 14:00 UTC". */
export function trouble(executorId: string, failure: Failure, now: Instant): string {
  const limited = failure.class === 'rate_limited' || failure.class === 'quota_exhausted';
  const until = limited && failure.retryAt !== undefined && failure.retryAt > now ? ` until ${atTime(failure.retryAt, now)}` : '';
  const stopped = failure.class === 'timeout' && failure.stopped ? `; ${stopWords[failure.stopped]}` : '';
  return `${executorId.charAt(0).toUpperCase()}${executorId.slice(1)} ${atFault[failure.class]}${until}${stopped}`;
}
