import { priority } from 'cyrus-core/domain/effects';
import { isFinal } from 'cyrus-core/states';
import { stateOnMerge } from './issue-state.ts';
import { endedMeanwhile } from './plan-ci.ts';
import { checksUnderWay } from './plan-publish.ts';
import type { PlanStep } from './plan-step.ts';
import { credentialOf } from './tracker-writes.ts';

/** The payload of a `pull_request` input: people merged or closed it on the code host. */
interface PullRequestTold {
  readonly url: string;
  readonly state: 'merged' | 'closed';
  /** No later plan of the issue exists. */
  readonly newest: boolean;
}

/** Takes note of what became of the plan's pull request; told twice, it is known already. */
export function pullRequestEnded(step: PlanStep, told: PullRequestTold): void {
  const { pullRequest } = step.plan;
  if (!pullRequest || pullRequest.url !== told.url || pullRequest.state === told.state) return;
  const waiting = checksUnderWay(step);
  const known = { ...pullRequest, state: told.state };
  step.plan.pullRequest = known;
  const { plan, issue, settings } = step.context;
  step.effects.events.push({ type: 'plan.pull_request', planId: plan.id, payload: { number: known.number, state: told.state } });
  if (waiting) endedMeanwhile(step, known, told.state);
  if (told.state !== 'merged' || !told.newest || !isFinal('plan', step.plan.state) || issue.workspace === 'cli') return;
  const target = stateOnMerge(issue, settings.stateOnMerge);
  if (!target) return;
  step.effects.writes.push({
    key: `merged:${known.url}:${issue.id}`,
    credential: credentialOf({ source: 'linear', workspace: issue.workspace }),
    lane: `issue:${issue.id}`,
    priority: priority.state,
    kind: 'issueState',
    payload: { kind: 'issueState', issueId: issue.id, stateId: target.id },
  });
}
