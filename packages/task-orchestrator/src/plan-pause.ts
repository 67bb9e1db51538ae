import { isFinal } from 'cyrus-core/states';
import { askAgain } from './plan-ask.ts';
import { attemptFinished } from './plan-attempts.ts';
import { resumeChecks } from './plan-checks.ts';
import { draft } from './plan-draft.ts';
import { checksUnderWay } from './plan-publish.ts';
import type { PlanStep } from './plan-step.ts';
import { paused } from './plan-waits.ts';

/** A person wants the work to rest: the agent ends at once, what it has is kept, and nothing is published meanwhile. */
export function pause(step: PlanStep): void {
  if (step.task.state === 'asking') return askAgain(step);
  if (step.plan.state !== 'running') {
    const why = checksUnderWay(step)
      ? 'the work is in its pull request, and nothing of mine runs while its checks do. `stop` ends the waiting.'
      : 'the work is done and is being published. `stop` still stops it.';
    step.say(`pause:${step.messages.at(-1)?.n}`, `Too late for a pause: ${why}`);
    return;
  }
  step.park('paused', null);
  const attempt = step.lastAttempt();
  if (attempt && !isFinal('attempt', attempt.state))
    step.effects.tells.push({ entity: `attempt:${attempt.id}`, kind: 'pause', payload: {} });
  else paused(step);
}

/** Goes on from exactly where the plan was parked. */
export function resume(step: PlanStep): void {
  const { state } = step.task;
  step.unpark();
  if (step.plan.state === 'drafting') return draft(step, true);
  step.say(`resumed:${step.messages.at(-1)?.n}`, 'Going on from where it was.');
  if (state === 'ready') step.effects.tells.push({ entity: 'dispatcher:main', kind: 'ready', payload: { taskId: step.task.id } });
  if (state === 'verifying' || state === 'merging') return resumeChecks(step);
  const attempt = step.lastAttempt();
  if ((state !== 'assigned' && state !== 'running') || !attempt || !isFinal('attempt', attempt.state)) return;
  attemptFinished(step, {
    attemptId: attempt.id,
    number: attempt.number,
    state: attempt.state as 'succeeded',
    deliveredN: attempt.deliveredN,
    failure: attempt.failure,
    interruption: attempt.interruption,
  });
}
