import type { Instant } from 'cyrus-core/clock';
import type { Failure } from 'cyrus-core/failure';
import type { Checks, PullRequest } from 'cyrus-github/code-host';

/** A commit whose checks have not shown up by then has none. */
const showUpMs = 10 * 60_000;
/** Checks register one after the other: those that are all passed at once are not all of them. */
const settleMs = 10_000;
/** The host may show the head of before the push for a moment. */
const movesWithinMs = 60_000;
const soonestMs = 3_000;
const latestMs = 5 * 60_000;

export interface ChecksState {
  readonly pull: Pick<PullRequest, 'state' | 'headSha'>;
  /** Of the commit that is waited for; null: not read, as the pull request is closed or elsewhere. */
  readonly checks: Checks['state'] | null;
  readonly sha: string;
  /** When the waiting began, and how long it may take. */
  readonly since: Instant;
  readonly timeoutMs: number;
}

export type ChecksEnd = 'success' | 'failure' | 'none' | 'late' | 'moved' | 'closed' | 'merged';
export type ChecksDecision = { readonly do: 'end'; readonly state: ChecksEnd } | { readonly do: 'wait'; readonly failure: Failure };

/** What the waiting for the checks of a pull request has come to. Looks become rarer with time. Pure. */
export function decideChecks({ pull, checks, sha, since, timeoutMs }: ChecksState, now: Instant): ChecksDecision {
  const waitedMs = Math.max(0, now - since);
  const end = (state: ChecksEnd): ChecksDecision => ({ do: 'end', state });
  if (pull.state !== 'open') return end(pull.state);
  if (pull.headSha !== sha && waitedMs >= Math.min(movesWithinMs, timeoutMs)) return end('moved');
  if (pull.headSha === sha && checks === 'failure') return end('failure');
  if (pull.headSha === sha && checks === 'success' && waitedMs >= Math.min(settleMs, timeoutMs)) return end('success');
  if (pull.headSha === sha && checks === 'none' && waitedMs >= Math.min(showUpMs, timeoutMs)) return end('none');
  if (waitedMs >= timeoutMs) return end('late');
  const lookMs = Math.min(latestMs, Math.max(soonestMs, waitedMs / 4), timeoutMs - waitedMs);
  return { do: 'wait', failure: { class: 'timeout', message: 'The checks of the pull request are not over.', retryAt: now + lookMs } };
}
