import type { JobEnd } from 'cyrus-core/domain/effects';
import type { Blocker, Issue } from 'cyrus-core/domain/issue';
import { code } from './answers.ts';
import type { IssueRead } from './plan-context.ts';
import type { PlanStep } from './plan-step.ts';

/** How often a plan that waits for other issues looks by itself; a webhook of theirs makes it look at once. */
export const lookAgainMs: number = 10 * 60_000;
/** The first look is soon: an issue that was finished while this one was being read told of it before there was a plan to hear it. */
export const firstLookMs: number = 20_000;

const finished = new Set(['completed', 'canceled', 'duplicate']);

export const openBlockers = (issue: Pick<Issue, 'details'>): readonly Blocker[] =>
  (issue.details?.blockedBy ?? []).filter((blocker) => !finished.has(blocker.stateType ?? ''));

/** Begins: the plan's one task becomes ready, unless other issues are to be finished first. */
export function draft(step: PlanStep, anyway = false): void {
  const blockers = anyway ? [] : openBlockers(step.issue ? { details: step.issue.details } : step.context.issue);
  if (blockers.length > 0) return parkBlocked(step, blockers);
  step.movePlan('proposed');
  step.movePlan('approved');
  step.movePlan('running');
  step.again(null, null);
}

function parkBlocked(step: PlanStep, blockers: readonly Blocker[]): void {
  step.park('blocked', step.now + firstLookMs);
  const names = blockers.map(({ identifier, title }) => `${identifier}${title ? ` (${code(title)})` : ''}`).join(', ');
  step.waits({
    kind: 'response',
    body: `Waiting: this issue is blocked by ${names}. The work begins by itself once that is done. Write \`start anyway\` to begin now.`,
  });
}

/** Has the issue read again, because a blocking one may be done. The same look decided twice is one job. */
export function lookAgain(step: PlanStep, why: string): void {
  const { plan, issue } = step.context;
  step.effects.jobs.push({
    key: `plan:${plan.id}:look:${why}`,
    kind: 'issue',
    notify: `plan:${plan.id}`,
    planId: plan.id,
    payload: { workspace: issue.workspace, issueId: issue.id },
  });
  step.plan.parkedUntil = step.now + lookAgainMs;
  step.effects.wakes.push({ entity: `plan:${plan.id}`, at: step.plan.parkedUntil });
}

/** The issue was read again: begins when nothing blocks it any more, in a turn of its own. */
export function looked(step: PlanStep, end: JobEnd): void {
  if (step.plan.state !== 'parked' || step.plan.parkedReason !== 'blocked' || end.state !== 'done') return;
  step.issue = (end.result?.['issue'] as IssueRead | undefined) ?? null;
  if (!step.issue || openBlockers(step.issue).length > 0) return;
  step.unpark();
  const sessions = new Set(step.messages.map((message) => message.sessionId));
  for (const id of sessions)
    step.effects.tells.push({
      entity: `session:${id}`,
      kind: 'unparked',
      payload: { planId: step.context.plan.id, key: end.jobId, body: 'Nothing blocks this issue any more. Starting.' },
    });
  draft(step);
}
