import type { Instant } from 'cyrus-core/clock';
import type { AgentQuestion, Attempt, Procedure } from 'cyrus-core/domain/plan';
import type { Failure } from 'cyrus-core/failure';
import { afterCutOff, afterFailure, type ChainState, type FailureStep, goOn } from './failure-chain.ts';
import type { AttemptFinished } from './plan-context.ts';
import { learnedFrom } from './prompts.ts';

export type AfterAttempt =
  | { readonly do: 'stop' }
  | { readonly do: 'verify' }
  /** The agent's words are the result: nothing to verify or publish. */
  | { readonly do: 'answer' }
  /** The agent asks. */
  | { readonly do: 'question'; readonly question: AgentQuestion }
  | FailureStep;

export interface AfterAttemptState extends ChainState {
  readonly procedure: Procedure;
  readonly followUp: boolean;
  readonly finished: AttemptFinished;
  readonly attempt: Attempt;
  /** Messages no agent has certainly read. */
  readonly undelivered: number;
  /** The branch holds work of an earlier plan that was never published. */
  readonly unpublished: boolean;
}

const again = (learned: string | null, say: string | null): AfterAttempt => ({ do: 'again', learned, notBefore: null, say });

/** What follows from the end of an attempt. */
export function afterAttempt(state: AfterAttemptState, now: Instant): AfterAttempt {
  const { finished, attempt } = state;
  const { interruption } = finished;
  if (finished.state === 'stopped' && interruption?.kind === 'pause') return again(null, null);
  if (finished.state === 'stopped') return { do: 'stop' };
  if (finished.state === 'asked' && interruption?.kind === 'question') {
    // What was said meanwhile may be the answer.
    return state.undelivered > 0 ? again(learnedFrom.lost, null) : { do: 'question', question: interruption };
  }
  if (finished.state === 'lost' || finished.state === 'asked')
    return afterCutOff(state, 'The run was cut off. Going on from where it was.', now);
  if (finished.state === 'failed')
    return afterFailure(state, finished.failure ?? { class: 'agent_failed', message: 'The agent failed.' }, now);
  if (state.undelivered > 0) return again(null, null);
  if (state.procedure === 'scoper') {
    if (attempt.output?.trim()) return { do: 'answer' };
    return afterNothing(state, { message: 'The agent ended without a document.', fix: 'Say here what it is to find out.' }, now);
  }
  const commits = attempt.evidence?.commits.length ?? 0;
  if (commits > 0 || (state.unpublished && attempt.headSha !== null)) return { do: 'verify' };
  if (state.followUp && attempt.output?.trim()) return { do: 'answer' };
  const fix = 'Say here what is missing; the agent goes on from there.';
  return afterNothing(state, { message: 'The agent ended without changing anything.', fix }, now);
}

/** Asked a second time, an agent that still sees nothing to do is believed: the next one, or a person. */
function afterNothing(state: AfterAttemptState, nothing: Pick<Failure, 'message' | 'fix'>, now: Instant): AfterAttempt {
  const empty = state.attempts.filter(
    ({ number, executorId, state: end, evidence }) =>
      number > state.chain.from && executorId === state.executorId && end === 'succeeded' && (evidence?.commits.length ?? 0) === 0,
  ).length;
  const missing = state.procedure === 'scoper' ? 'document' : 'commit';
  if (empty < 2) return again(learnedFrom.nothing, `The agent ended without a ${missing}. Asking it again.`);
  return goOn(state, { ...nothing, class: 'no_evidence' }, now, learnedFrom.nothing);
}
