import type { WriteEnd } from 'cyrus-core/domain/effects';
import type { Check, PullRequestRef } from 'cyrus-core/domain/plan';
import { formatDuration } from 'cyrus-core/duration';
import { checksFailed } from './plan-checks.ts';
import { checksUnderWay, finishDone } from './plan-publish.ts';
import type { PlanStep } from './plan-step.ts';

/** The result of a `pull-request-checks` write. */
interface ChecksResult {
  /** `late`: not over in time; `moved`: the branch has another head than the one that was pushed; `unreadable`: `why` tells the reason. */
  readonly state: 'success' | 'failure' | 'none' | 'late' | 'moved' | 'closed' | 'merged' | 'unreadable';
  readonly sha: string;
  readonly checks: readonly { readonly name: string; readonly failed: boolean; readonly output: string }[];
  readonly waitedMs: number;
  /** It is a draft still. */
  readonly draft: boolean;
  readonly why?: string;
}

/** The checks of the pull request are over, or nobody will see their end: the plan ends, or its agent gets what failed. */
export function checksEnded(step: PlanStep, end: WriteEnd): void {
  const { pullRequest } = step.plan;
  if (!pullRequest || !checksUnderWay(step)) return;
  const result: ChecksResult =
    end.state === 'sent'
      ? (end.result as unknown as ChecksResult)
      : { state: 'unreadable', sha: pullRequest.checksOf ?? '', checks: [], waitedMs: 0, draft: false, why: end.failure?.message ?? '' };
  if (result.sha !== pullRequest.checksOf) return;
  const ran = result.checks.map(toCheck);
  const here = step.task.checks?.verdict === 'passed' ? step.task.checks : null;
  if (result.state === 'failure') {
    step.movePlan('running');
    step.task.checks = { verdict: 'failed', checks: [...(here?.checks ?? []), ...ran] };
    return checksFailed(step, step.task.checks);
  }
  if (result.state === 'success') {
    step.task.checks = { ...here, verdict: 'passed', checks: [...(here?.checks ?? []), ...ran] };
    return finishDone(step, pullRequest, result.draft ? draftStill : null);
  }
  undecided(step, pullRequest, words(result, step.context.settings.ciTimeoutMs), result.draft);
}

/** Somebody has merged or closed the pull request without waiting for its checks. */
export function endedMeanwhile(step: PlanStep, pullRequest: PullRequestRef, state: 'merged' | 'closed'): void {
  undecided(step, pullRequest, `the pull request was ${state} before its checks were over`, false);
}

function undecided(step: PlanStep, pullRequest: PullRequestRef, why: string, draft: boolean): void {
  const here = step.task.checks?.verdict === 'passed';
  if (!here) step.task.checks = { verdict: 'not_run', reason: why, checks: [] };
  const notes = [...(here ? [why] : []), ...(draft ? [draftStill] : [])];
  finishDone(step, pullRequest, notes.length === 0 ? null : notes.join('; '));
}

const draftStill = 'a draft still: mark it as ready when you are content with it';

function words({ state, waitedMs, why }: ChecksResult, timeoutMs: number): string {
  switch (state) {
    case 'none':
      return `the pull request had no checks within ${formatDuration(waitedMs)}`;
    case 'late':
      return `the checks of the pull request were not over after ${formatDuration(timeoutMs)} (verify.ciTimeoutMs); look there`;
    case 'moved':
      return 'somebody else pushed to the branch of the pull request; its checks are about that';
    case 'merged':
    case 'closed':
      return `the pull request was ${state} before its checks were over`;
    default:
      return `the checks of the pull request cannot be read: ${why ?? 'no reason was given'}`;
  }
}

const toCheck = ({ name, failed, output }: ChecksResult['checks'][number]): Check => ({
  command: name,
  exitCode: failed ? 1 : 0,
  durationMs: 0,
  output,
  elsewhere: true,
});
