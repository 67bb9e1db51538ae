import type { PlanStep } from './plan-step.ts';

/** Said once nothing of the plan's agent runs any more. */
export function paused(step: PlanStep): void {
  const checks = step.task.state === 'verifying' ? ' The checks under way end by themselves; nothing is published.' : '';
  const { identifier } = step.context.issue;
  step.waits({
    kind: 'response',
    body: `Paused. The work so far is kept, and the conversation with it.${checks} Write \`resume\` here, or \`cyrus resume ${identifier}\`, to go on.`,
  });
}

/** Something was said to work that rests, and it was no `resume`. */
export function keptWhileParked(step: PlanStep): void {
  const { identifier } = step.context.issue;
  const how =
    step.plan.parkedReason === 'blocked'
      ? 'This issue waits for the issues that block it; write `start anyway` to begin now.'
      : `The work is paused; write \`resume\`, or \`cyrus resume ${identifier}\`, to go on.`;
  step.waits({ kind: 'response', body: `Your message is kept: the agent gets it when the work goes on. ${how}` });
}
