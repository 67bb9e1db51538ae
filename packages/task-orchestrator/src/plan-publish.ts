import { priority, type WriteEnd } from 'cyrus-core/domain/effects';
import type { PullRequestRef } from 'cyrus-core/domain/plan';
import type { Failure } from 'cyrus-core/failure';
import { successAnswer } from './answers.ts';
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
  if (!settings.pullRequests) return;
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
    return step.context.settings.pullRequests ? openPullRequest(step) : finishDone(step, null);
  }
  if (end.kind === 'pull-request') {
    if (end.state === 'rejected')
      return step.fail(end.failure ?? { class: 'invalid_request', message: 'The pull request could not be opened.' });
    const { number, url, none } = end.result as unknown as PullRequestRef & { readonly none?: string };
    if (none) {
      step.say('no-pull-request', `${none} The work ends with the pushed branch.`);
      return finishDone(step, null);
    }
    step.plan.pullRequest = { number, url };
    finishDone(step, { number, url });
  }
}

/** A push or a pull request takes longer than a passing trouble would: people are told why. */
export function writeDelayed(step: PlanStep, delayed: { readonly kind: string; readonly failure: Failure }): void {
  const { kind, failure } = delayed;
  const what = kind === 'push' ? 'The branch cannot be pushed yet' : 'The pull request cannot be opened yet';
  const fix = failure.fix ? ` ${failure.fix}` : '';
  step.say(`delayed:${kind}:${failure.class}`, `${what}: ${failure.message} It is tried again by itself.${fix}`);
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
    },
    planId: plan.id,
    notify: `plan:${plan.id}`,
  });
}

export function finishDone(step: PlanStep, pullRequest: PullRequestRef | null): void {
  const { plan, issue } = step.context;
  const published = step.plan.pushedSha !== null && step.plan.pushedSha === step.plan.headSha;
  const answer = successAnswer({
    output: step.task.output ?? '',
    branch: published ? plan.branch : null,
    pullRequest: pullRequest ?? (published ? step.plan.pullRequest : null),
    evidence: published ? step.evidence() : null,
    checks: published ? step.task.checks : null,
    spent: step.spent(),
  });
  if (pullRequest) {
    step.tell((to) =>
      externalUrls(to, `plan:${plan.id}:urls`, [{ label: `Pull request #${pullRequest.number}`, url: pullRequest.url }], plan.id),
    );
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
