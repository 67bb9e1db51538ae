import type { Instant } from 'cyrus-core/clock';
import type { AgentQuestion, Attempt, Procedure } from 'cyrus-core/domain/plan';
import { type Failure, type FailureClass, failureAction } from 'cyrus-core/failure';
import type { AttemptFinished } from './plan-context.ts';
import { learnedFrom } from './prompts.ts';

export type AfterAttempt =
  | { readonly do: 'stop' }
  | { readonly do: 'verify' }
  /** The agent's words are the result: nothing to verify or publish. */
  | { readonly do: 'answer' }
  | { readonly do: 'again'; readonly learned: string | null; readonly notBefore: Instant | null; readonly say: string | null }
  | { readonly do: 'ask'; readonly question: AgentQuestion }
  | { readonly do: 'fail'; readonly failure: Failure };

export interface AfterAttemptState {
  readonly procedure: Procedure;
  readonly followUp: boolean;
  readonly attempts: readonly Attempt[];
  readonly finished: AttemptFinished;
  readonly attempt: Attempt;
  /** Messages no agent has certainly read. */
  readonly undelivered: number;
  /** The branch holds work of an earlier plan that was never published. */
  readonly unpublished: boolean;
  readonly maxAttempts: number;
  readonly random: () => number;
}

/** Attempts cut off by a crash before the task is given up: a crash is not the task's fault, but an endless loop helps nobody. */
const maxLost = 20;

const failedWith = (attempts: readonly Attempt[], ...classes: readonly FailureClass[]): number =>
  attempts.filter((attempt) => attempt.state === 'failed' && attempt.failure && classes.includes(attempt.failure.class)).length;

const cutOffTooOften = (attempts: readonly Attempt[]): boolean =>
  attempts.filter((attempt) => attempt.state === 'lost').length + failedWith(attempts, 'sandbox_lost') > maxLost;

const givenUp: AfterAttempt = {
  do: 'fail',
  failure: {
    class: 'sandbox_lost',
    message: `The work was cut off more than ${maxLost} times.`,
    fix: 'Look at the log of the service, then write here to try again.',
  },
};

/** What follows from the end of an attempt: the failure table, with its caps. */
export function afterAttempt(state: AfterAttemptState, now: Instant): AfterAttempt {
  const { finished, attempt, attempts } = state;
  const { interruption } = finished;
  if (finished.state === 'stopped' && interruption?.kind === 'pause') return { do: 'again', learned: null, notBefore: null, say: null };
  if (finished.state === 'stopped') return { do: 'stop' };
  if (finished.state === 'asked' && interruption?.kind === 'question') {
    // What was said meanwhile may be the answer.
    if (state.undelivered > 0) return { do: 'again', learned: learnedFrom.lost, notBefore: null, say: null };
    return { do: 'ask', question: interruption };
  }
  if (finished.state === 'lost' || finished.state === 'asked') {
    if (cutOffTooOften(attempts)) return givenUp;
    return { do: 'again', learned: learnedFrom.lost, notBefore: null, say: 'The run was cut off. Going on from where it was.' };
  }
  if (finished.state === 'failed')
    return afterFailure(state, finished.failure ?? { class: 'agent_failed', message: 'The agent failed.' }, now);
  if (state.undelivered > 0) return { do: 'again', learned: null, notBefore: null, say: null };
  if (state.procedure === 'scoper') {
    if (attempt.output?.trim()) return { do: 'answer' };
    return afterFailure(state, { class: 'no_evidence', message: 'The agent ended without a document.' }, now);
  }
  const commits = attempt.evidence?.commits.length ?? 0;
  if (commits > 0 || (state.unpublished && attempt.headSha !== null)) return { do: 'verify' };
  if (state.followUp && attempt.output?.trim()) return { do: 'answer' };
  const empty = attempts.filter((candidate) => candidate.state === 'succeeded' && (candidate.evidence?.commits.length ?? 0) === 0).length;
  if (empty < 2)
    return { do: 'again', learned: learnedFrom.nothing, notBefore: null, say: 'The agent ended without a commit. Asking it again.' };
  return {
    do: 'fail',
    failure: {
      class: 'no_evidence',
      message: 'The agent ended without changing anything.',
      fix: 'Say here what is missing; the agent goes on from there.',
    },
  };
}

function afterFailure(state: AfterAttemptState, failure: Failure, now: Instant): AfterAttempt {
  const { attempts } = state;
  switch (failureAction[failure.class]) {
    case 'retry_same': {
      const tries = failedWith(attempts, failure.class);
      if (tries > 3) break;
      const waitMs = Math.round(5_000 * 2 ** (tries - 1) * (0.5 + state.random() / 2));
      return {
        do: 'again',
        learned: learnedFrom.lost,
        notBefore: now + waitMs,
        say: `${failure.message} Trying again in ${Math.ceil(waitMs / 1000)} s.`,
      };
    }
    case 'wait': {
      const at = failure.retryAt ?? now + 60_000;
      return {
        do: 'again',
        learned: learnedFrom.lost,
        notBefore: at,
        say: `${failure.message} Going on at ${new Date(at).toISOString().slice(11, 16)} UTC.`,
      };
    }
    case 'park':
      if (failure.retryAt && failure.retryAt > now)
        return {
          do: 'again',
          learned: learnedFrom.lost,
          notBefore: failure.retryAt,
          say: `${failure.message} Waiting until ${new Date(failure.retryAt).toISOString()}.`,
        };
      break;
    case 'resume':
      if (cutOffTooOften(attempts)) return givenUp;
      return { do: 'again', learned: learnedFrom.lost, notBefore: null, say: 'The sandbox was lost. Going on from the saved work.' };
    case 'fresh_attempt':
      if (failedWith(attempts, 'agent_failed', 'no_evidence') < state.maxAttempts)
        return { do: 'again', learned: learnedFrom.failed(failure.message), notBefore: null, say: `${failure.message} Trying again.` };
      break;
    default:
      break;
  }
  return { do: 'fail', failure: { ...failure, fix: failure.fix ?? 'Write here to try again.' } };
}
