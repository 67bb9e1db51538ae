import { priority, type WriteEnd } from 'cyrus-core/domain/effects';
import type { PullRequestRef } from 'cyrus-core/domain/plan';
import type { Failure } from 'cyrus-core/failure';
import { successAnswer } from './answers.ts';
import { retireRun } from './attempt-run.ts';
import { stateOnSuccess } from './issue-state.ts';
import type { PlanStep } from './plan-step.ts';
import { attachment, externalUrls, issueState } from './tracker-writes.ts';

export function publish(step: PlanStep): void {
  const { plan, settings } = step.context;
  step.showChecklist('publish');
  step.effects.writes.push({
    key: `plan:${plan.id}:push:${step.plan.headSha}`,
    credential: 'git',
    lane: `git:${plan.repositoryId}:${plan.branch}`,
    priority: priority.state,
    kind: 'push',
    payload: { kind: 'push', repositoryId: plan.repositoryId, sha: step.plan.headSha, branch: plan.branch, lease: plan.pushedSha },
    planId: plan.id,
    notify: `plan:${plan.id}`,
  });
  if (settings.noPullRequest !== null) return;
  step.effects.events.push({ type: 'plan.publishing', planId: plan.id, payload: { branch: plan.branch, sha: step.plan.headSha } });
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
    const { number, url, none, draft } = end.result as unknown as PullRequestRef & { readonly none?: string; readonly draft?: boolean };
    if (none) {
      step.say('no-pull-request', `${none} The work ends with the pushed branch.`);
      return finishDone(step, null, 'pushed; no pull request');
    }
    step.plan.pullRequest = { number, url };
    finishDone(step, { number, url }, draft ? ofDraft(step, number) : null);
  }
}

/** A push or a pull request takes longer than a passing trouble would: people are told why. */
export function writeDelayed(step: PlanStep, delayed: { readonly kind: string; readonly failure: Failure }): void {
  const { kind, failure } = delayed;
  const what = kind === 'push' ? 'The branch cannot be pushed yet' : 'The pull request cannot be opened yet';
  const fix = failure.fix ? ` ${failure.fix}` : '';
  step.say(`delayed:${kind}:${failure.class}`, `${what}: ${failure.message} It is tried again by itself.${fix}`);
}

/** A draft whose checks run with it becomes ready by itself; what is to be said of it. */
function ofDraft(step: PlanStep, number: number): string {
  const { plan, settings } = step.context;
  const byItself = settings.draft && settings.verifyMode !== 'local';
  if (!byItself) return 'a draft: mark it as ready when you are content with it';
  step.effects.writes.push({
    key: `plan:${plan.id}:ready`,
    credential: 'github',
    lane: `ready:${plan.id}`,
    priority: priority.state,
    kind: 'ready-for-review',
    payload: { kind: 'ready-for-review', repositoryId: plan.repositoryId, number, sha: step.plan.headSha, since: step.now },
    planId: plan.id,
  });
  return 'a draft: ready for review when its checks have passed';
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
    key: `plan:${plan.id}:pull-request`,
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

/** What runs elsewhere opened and pushed by themselves is part of ours now: one pull request a plan. */
function retireRuns(step: PlanStep, ours: PullRequestRef): void {
  const { plan, attempts } = step.context;
  for (const { id, run, checkout } of attempts) {
    const branches = [
      ...(run?.branch && run.branchSha ? [{ branch: run.branch, sha: run.branchSha }] : []),
      ...(checkout?.remote?.unpushed ? [{ branch: checkout.remote.startBranch, sha: checkout.remote.startSha }] : []),
    ].filter(({ branch }) => branch !== plan.branch && branch !== checkout?.baseBranch);
    if (branches.length === 0 && !run?.pullRequestUrl) continue;
    step.effects.writes.push(retireRun(plan, { attemptId: id, branches, pullRequestUrl: run?.pullRequestUrl }, ours));
  }
}

export function finishDone(step: PlanStep, pullRequest: PullRequestRef | null, note: string | null = null): void {
  const { plan, issue } = step.context;
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
    retireRuns(step, pullRequest);
    const runs = step.context.attempts.flatMap(({ executorId, runRef }) =>
      runRef?.url ? [{ label: `Run on ${executorId}`, url: runRef.url }] : [],
    );
    const urls = [{ label: `Pull request #${pullRequest.number}`, url: pullRequest.url }, ...runs.slice(-3)];
    step.tell((to) => externalUrls(to, `plan:${plan.id}:urls`, urls, plan.id));
    const [first] = step.context.listeners;
    if (first) {
      step.effects.writes.push(
        attachment(first, `plan:${plan.id}:attachment`, issue.id, `Pull request #${pullRequest.number}`, pullRequest.url, plan.id),
      );
      const target = stateOnSuccess(issue, step.context.settings.stateOnSuccess);
      if (target) step.effects.writes.push(issueState(first, `plan:${plan.id}:success`, issue.id, target.id, plan.id));
    }
  }
  if (pullRequest || published) step.showChecklist('end');
  step.finish('done', answer);
}
