import type { Attempt, CheckoutInfo } from 'cyrus-core/domain/plan';
import { type AfterAttempt, afterAttempt } from './after-attempt.ts';
import { stateOnStart } from './issue-state.ts';
import { ask, withAnswer } from './plan-ask.ts';
import { verify } from './plan-checks.ts';
import type { AttemptFinished } from './plan-context.ts';
import { chainState, followFailure } from './plan-failures.ts';
import { finishDone } from './plan-publish.ts';
import type { PlanStep } from './plan-step.ts';
import { paused } from './plan-waits.ts';
import { issueState } from './tracker-writes.ts';

interface Created {
  readonly attemptId: string;
  readonly number: number;
  readonly executorId: string;
  readonly reason: string;
}

export function attemptCreated(step: PlanStep, created: Created): void {
  if (step.task.state !== 'ready' || created.number !== step.task.attempts + 1) return;
  step.task.attempts = created.number;
  step.task.notBefore = null;
  step.moveTask('assigned');
  if (step.plan.state === 'parked') {
    step.effects.tells.push({ entity: `attempt:${created.attemptId}`, kind: 'pause', payload: {} });
    return;
  }
  if (created.number === 1) begun(step);
  if (step.context.listeners.length === 0) owesAnswer(step, created);
  step.say(
    `assigned:${created.number}`,
    `${created.number === 1 ? 'Starting' : `Attempt ${created.number}`} on **${created.executorId}** (${created.reason}).`,
  );
}

/** The turn was closed while only waiting was left: the work that goes on now owes an answer. */
function owesAnswer(step: PlanStep, { attemptId, executorId, reason }: Created): void {
  const body = `Going on with **${executorId}** (${reason}).`;
  for (const id of new Set(step.messages.map((message) => message.sessionId)))
    step.effects.tells.push({
      entity: `session:${id}`,
      kind: 'unparked',
      payload: { planId: step.context.plan.id, key: attemptId, body },
    });
}

/** Work really begins: not while it waits in the queue. What an automation gave us stays in triage until a person takes it out. */
function begun(step: PlanStep): void {
  const { issue, plan, settings, listeners } = step.context;
  step.showChecklist('work');
  const [to] = listeners;
  const triage = plan.options.automated && issue.details?.state?.type === 'triage';
  const target = triage ? undefined : stateOnStart(issue, settings.stateOnStart);
  if (to && target) step.effects.writes.push(issueState(to, `plan:${plan.id}:started`, issue.id, target.id, plan.id));
}

export function attemptRunning(step: PlanStep, running: { attemptId: string; number: number }): void {
  if (step.task.state !== 'assigned' || running.number !== step.task.attempts) return;
  step.moveTask('running');
  const attempt = step.lastAttempt();
  for (const message of step.messages)
    if (attempt && message.n > Math.max(attempt.messageN, attempt.steeredN))
      step.effects.tells.push({ entity: `attempt:${attempt.id}`, kind: 'steer', payload: { n: message.n } });
}

export function attemptFinished(step: PlanStep, finished: AttemptFinished): void {
  if (finished.number !== step.task.attempts || !['assigned', 'running'].includes(step.task.state)) return;
  const attempt = step.context.attempts.find((candidate) => candidate.id === finished.attemptId);
  if (!attempt) return;
  if (step.plan.state === 'parked') return paused(step);
  step.deliveredThrough = Math.max(step.deliveredThrough, finished.deliveredN);
  if (attempt.checkout) startedFrom(step, attempt, attempt.checkout);
  if (attempt.output) step.task.output = attempt.output;
  const next = afterAttempt(
    {
      ...chainState(step, attempt),
      procedure: step.context.plan.procedure,
      followUp: step.context.plan.follows !== null,
      finished,
      attempt,
      undelivered: step.undelivered().length,
      unpublished:
        step.context.plan.startSha !== null && step.plan.startSha !== step.plan.pushedSha && step.plan.headSha === step.plan.startSha,
    },
    step.now,
  );
  follow(step, next, attempt);
}

/**
 * Where the work really began: not at what was pushed before, when that has been merged and its branch is gone, or when people have put
 * commits on top of it.
 */
function startedFrom(step: PlanStep, attempt: Attempt, checkout: CheckoutInfo): void {
  step.plan.baseBranch ??= checkout.baseBranch;
  const moved = step.plan.startSha !== null && step.plan.startSha !== checkout.startSha && step.plan.headSha === step.plan.startSha;
  const first = step.context.attempts.every(({ id, headSha }) => id === attempt.id || headSha === null);
  if (moved && first) {
    step.plan.headSha = checkout.startSha;
    step.plan.pushedSha = checkout.startSha === checkout.baseSha ? null : checkout.startSha;
    step.plan.startSha = checkout.startSha;
  }
  step.plan.startSha ??= checkout.startSha;
}

const cutOffBy: readonly string[] = ['sandbox_lost', 'network', 'rate_limited', 'quota_exhausted', 'auth', 'missing_binary', 'timeout'];

/** It ended before it could do with its prompt what it was to do. */
const cutOff = ({ state, failure }: Attempt): boolean =>
  state === 'lost' || state === 'stopped' || (state === 'failed' && cutOffBy.includes(failure?.class ?? ''));

function follow(step: PlanStep, next: AfterAttempt, attempt: Attempt): void {
  switch (next.do) {
    case 'stop':
      return step.stop();
    case 'question':
      return ask(step, attempt, next.question);
    case 'again':
    case 'mend':
    case 'ask':
      return followFailure(step, next, attempt, cutOff(attempt) ? withAnswer(next.learned, step.task.learned) : next.learned);
    case 'fail':
      return followFailure(step, next, attempt);
    case 'answer':
      if (step.task.state === 'assigned') step.moveTask('running');
      step.moveTask('verifying');
      step.moveTask('merging');
      step.moveTask('done');
      step.movePlan('verifying');
      return finishDone(step, null);
    case 'verify':
      if (step.task.state === 'assigned') step.moveTask('running');
      step.moveTask('verifying');
      step.task.headSha = attempt.headSha;
      return verify(step, attempt);
  }
}
