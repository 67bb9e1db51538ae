import { priority, type WriteEnd } from 'cyrus-core/domain/effects';
import type { PullRequestRef } from 'cyrus-core/domain/plan';
import { formatDuration } from 'cyrus-core/duration';
import type { Failure } from 'cyrus-core/failure';
import { code, successAnswer } from './answers.ts';
import { stateOnSuccess } from './issue-state.ts';
import type { PlanSettings } from './plan-context.ts';
import type { PlanStep } from './plan-step.ts';
import { retireRuns } from './retire-runs.ts';
import { action, attachment, externalUrls, issueState } from './tracker-writes.ts';

export function publish(step: PlanStep): void {
  const { plan, settings } = step.context;
  step.showChecklist('publish');
  step.effects.writes.push({
    // The same head may be published again: after a message that changed nothing.
    key: `plan:${plan.id}:push:${step.plan.headSha}:${step.now}`,
    credential: 'git',
    lane: `git:${plan.repositoryId}:${plan.branch}`,
    priority: priority.state,
    kind: 'push',
    payload: {
      kind: 'push',
      repositoryId: plan.repositoryId,
      sha: step.plan.headSha,
      branch: plan.branch,
      lease: plan.pushedSha,
      ...made(plan),
    },
    planId: plan.id,
    notify: `plan:${plan.id}`,
  });
  if (settings.noPullRequest !== null) return;
  step.effects.events.push({ type: 'plan.publishing', planId: plan.id, payload: { branch: plan.branch, sha: step.plan.headSha } });
}

/** Whoever merges or closes a pull request may delete its branch: it is made anew then. */
function made({ pullRequest }: PlanStep['context']['plan']): { readonly mayBeGone?: true } {
  return pullRequest?.state === undefined || pullRequest.state === 'open' ? {} : { mayBeGone: true };
}

/** Whether the checks of the pull request decide. */
export const awaitsChecks = ({ verifyMode, noPullRequest }: PlanSettings): boolean => verifyMode !== 'local' && noPullRequest === null;

/** Whether the plan waits for nothing but the checks of its pull request. */
export function checksUnderWay({ plan, task }: PlanStep): boolean {
  const waitedFor = plan.pullRequest?.checksOf;
  return plan.state === 'verifying' && task.state === 'merging' && waitedFor !== undefined && waitedFor === plan.headSha;
}

export function writeEnded(step: PlanStep, end: WriteEnd): void {
  if (step.plan.state !== 'verifying') return;
  if (end.kind === 'push') {
    if (end.state === 'rejected') {
      const failure = end.failure ?? { class: 'conflict', message: 'The branch could not be pushed.' };
      return step.fail({ ...failure, fix: failure.fix ?? 'Look at the branch on the remote, then write here to try again.' });
    }
    step.plan.pushedSha = step.plan.headSha;
    const { noPullRequest } = step.context.settings;
    return noPullRequest === null ? openPullRequest(step) : finishDone(step, null, `pushed; no pull request, because ${noPullRequest}`);
  }
  if (end.kind === 'pull-request') {
    if (end.state === 'rejected')
      return step.fail(end.failure ?? { class: 'invalid_request', message: 'The pull request could not be opened.' });
    const { number, url, none, draft = false, state } = end.result as unknown as PullRequestRef & Opened;
    if (none) {
      step.say('no-pull-request', `${none} The work ends with the pushed branch.`);
      return finishDone(step, null, 'pushed; no pull request');
    }
    const pullRequest: PullRequestRef = { number, url, ...(state === undefined ? {} : { state }) };
    step.plan.pullRequest = pullRequest;
    if (state !== undefined && state !== 'open') {
      const left = `${state} before this was pushed: what the branch has since is in no pull request; write here to have one opened`;
      return finishDone(step, pullRequest, left);
    }
    if (awaitsChecks(step.context.settings)) return waitForChecks(step, pullRequest, draft);
    finishDone(step, pullRequest, draft ? 'a draft: mark it as ready when you are content with it' : null);
  }
}

/** The result of a `pull-request` write, beside the pull request. */
interface Opened {
  /** Why there is none. */
  readonly none?: string;
  readonly draft?: boolean;
}

/** A push or a pull request takes longer than a passing trouble would: people are told why. */
export function writeDelayed(step: PlanStep, delayed: { readonly kind: string; readonly failure: Failure }): void {
  const { kind, failure } = delayed;
  // Checks that are not over are what it waits for.
  if (kind === 'pull-request-checks' && failure.class === 'timeout') return;
  const what =
    kind === 'pull-request-checks'
      ? 'The checks of the pull request cannot be read yet'
      : kind === 'push'
        ? 'The branch cannot be pushed yet'
        : 'The pull request cannot be opened yet';
  const fix = failure.fix ? ` ${failure.fix}` : '';
  step.say(`delayed:${kind}:${failure.class}`, `${what}: ${failure.message} It is tried again by itself.${fix}`);
}

/** Nothing runs here meanwhile; whoever says something is heard at once. */
function waitForChecks(step: PlanStep, pullRequest: PullRequestRef, draft: boolean): void {
  const { plan, settings } = step.context;
  const sha = step.plan.headSha ?? '';
  if (step.undelivered().length > 0) {
    step.movePlan('running');
    return step.again(null, null);
  }
  step.plan.pullRequest = { ...pullRequest, checksOf: sha };
  showPullRequest(step, pullRequest);
  const what = `[#${pullRequest.number}](${pullRequest.url}) at ${code(sha.slice(0, 10))}, for ${formatDuration(settings.ciTimeoutMs)} at most`;
  step.tell((to) => action(to, `plan:${plan.id}:await:${sha}:${step.now}`, 'Waiting for the checks of the pull request', what, plan.id));
  step.effects.writes.push({
    key: `plan:${plan.id}:checks:${sha}:${step.now}`,
    credential: 'github',
    // One that waits for an earlier commit is not waited for.
    lane: `checks:${plan.id}:${step.now}`,
    priority: priority.state,
    kind: 'pull-request-checks',
    payload: {
      kind: 'pull-request-checks',
      repositoryId: plan.repositoryId,
      number: pullRequest.number,
      sha,
      since: step.now,
      timeoutMs: settings.ciTimeoutMs,
      // A draft is ready for review once they have passed.
      markReady: draft && settings.draft,
    },
    planId: plan.id,
    notify: `plan:${plan.id}`,
  });
}

/** With drafts wanted: a draft as long as nothing has shown that the work is good. */
function review(step: PlanStep): { readonly review?: 'draft' | 'ready' } {
  const { draft, verifyMode } = step.context.settings;
  if (!draft) return {};
  return { review: step.task.checks?.verdict === 'passed' && verifyMode === 'local' ? 'ready' : 'draft' };
}

function openPullRequest(step: PlanStep): void {
  const { plan, issue } = step.context;
  const summary = step.task.output?.trim().slice(0, 20_000) ?? '';
  const reference = issue.url ? `[${issue.identifier}](${issue.url})` : issue.identifier;
  step.effects.writes.push({
    key: `plan:${plan.id}:pull-request:${step.plan.headSha}:${step.now}`,
    credential: 'github',
    lane: `pr:${plan.id}`,
    priority: priority.state,
    kind: 'pull-request',
    payload: {
      kind: 'pull-request',
      repositoryId: plan.repositoryId,
      head: plan.branch,
      base: step.plan.baseBranch,
      title: `${issue.identifier}: ${issue.title}`,
      body: `${summary}\n\nFor ${reference}.`,
      marker: plan.id,
      ...review(step),
    },
    planId: plan.id,
    notify: `plan:${plan.id}`,
  });
}

/** People find the pull request, and the runs it came from, beside the issue. */
function showPullRequest(step: PlanStep, pullRequest: PullRequestRef): void {
  const { plan, issue, attempts, listeners } = step.context;
  const runs = attempts.flatMap(({ executorId, runRef }) => (runRef?.url ? [{ label: `Run on ${executorId}`, url: runRef.url }] : []));
  const urls = [{ label: `Pull request #${pullRequest.number}`, url: pullRequest.url }, ...runs.slice(-3)];
  step.tell((to) => externalUrls(to, `plan:${plan.id}:urls:${runs.length}`, urls, plan.id));
  const [first] = listeners;
  if (first)
    step.effects.writes.push(
      attachment(first, `plan:${plan.id}:attachment`, issue.id, `Pull request #${pullRequest.number}`, pullRequest.url, plan.id),
    );
}

export function finishDone(step: PlanStep, pullRequest: PullRequestRef | null, note: string | null = null): void {
  const { plan, issue } = step.context;
  if (step.task.state === 'merging') step.moveTask('done');
  const published = step.plan.pushedSha !== null && step.plan.pushedSha === step.plan.headSha;
  const answer = successAnswer({
    output: step.task.output ?? '',
    branch: published ? plan.branch : null,
    pullRequest: pullRequest ?? (published ? step.plan.pullRequest : null),
    note,
    evidence: published ? step.evidence() : null,
    checks: published ? step.task.checks : null,
    spent: step.spent(),
  });
  if (pullRequest) {
    step.effects.writes.push(...retireRuns(plan, [...(step.context.earlierRuns ?? []), ...step.context.attempts], pullRequest));
    showPullRequest(step, pullRequest);
    const [first] = step.context.listeners;
    const target = stateOnSuccess(issue, step.context.settings.stateOnSuccess);
    // Merged is further than ready for review.
    if (first && target && pullRequest.state !== 'merged')
      step.effects.writes.push(issueState(first, `plan:${plan.id}:success`, issue.id, target.id, plan.id));
  }
  if (pullRequest || published) step.showChecklist('end');
  step.finish('done', answer);
}
