import type { Attempt } from 'cyrus-core/domain/plan';
import { type Failure, failureRules } from 'cyrus-core/failure';
import { failureAnswer } from './answers.ts';
import { type ChainState, type FailureStep, newChain } from './failure-chain.ts';
import { othersThan } from './fallback.ts';
import { askPolicy, newStart } from './plan-ask.ts';
import { askForMoney } from './plan-budget.ts';
import type { PlanStep } from './plan-step.ts';

/** Labels and priorities of issues that are not to wait. */
const criticalPriorities: readonly string[] = ['urgent', 'high'];
const criticalLabels: readonly string[] = ['critical', 'urgent', 'hotfix'];

function isCritical({ context }: PlanStep): boolean {
  const { details } = context.issue;
  const labels = (details?.labels ?? []).map((label) => label.toLowerCase());
  return criticalPriorities.includes((details?.priority ?? '').toLowerCase()) || labels.some((label) => criticalLabels.includes(label));
}

/** What the table of failures looks at. `attempt`: the one whose work or run failed. */
export function chainState(step: PlanStep, attempt: Attempt): ChainState {
  const { context, task } = step;
  return {
    executorId: attempt.executorId,
    executors: context.executors,
    ruledOut: task.ruledOut,
    policy: context.settings.fallback,
    askedFor: context.plan.options.agent === attempt.executorId,
    critical: isCritical(step),
    attempts: context.attempts,
    chain: task.chain ?? newChain(),
    maxAttempts: context.settings.maxAttempts,
    beforeExecutor: attempt.checkout === null || (attempt.checkout.remote !== undefined && !attempt.run?.jobs),
    attended: context.issue.workspace !== unattended,
    random: context.random,
  };
}

/** Tasks of `cyrus run`: the terminal ends with them, and nobody is there to answer. */
const unattended = 'cli';

/** Does what the table of failures says. `learned`: as the next attempt is to be told, where that is more than the table knows. */
export function followFailure(step: PlanStep, next: FailureStep, attempt: Attempt, learned?: string | null): void {
  const told = learned === undefined && next.do !== 'fail' ? next.learned : (learned ?? null);
  switch (next.do) {
    case 'again':
      if (next.ruleOut) ruleOut(step, next.ruleOut);
      step.again(told, next.notBefore);
      if (next.say) step.say(`again:${attempt.number}:${step.task.chain?.checks.length ?? 0}`, next.say);
      return;
    case 'mend':
      step.again(told, null);
      return untilMended(step, next.failure);
    case 'ask':
      step.task.learned = told;
      if (next.failure.class === 'budget_exceeded') return askForMoney(step, null, next.failure);
      return askWhatNext(step, next.failure, attempt);
    case 'fail':
      return step.fail(next.failure);
  }
}

function ruleOut(step: PlanStep, one: { readonly executorId: string; readonly why: string; readonly until: number | null }): void {
  const others = step.task.ruledOut.filter(({ executorId }) => executorId !== one.executorId);
  step.task.ruledOut = [...others, one];
  step.effects.events.push({ type: 'task.ruled_out', planId: step.context.plan.id, taskId: step.task.id, payload: { ...one } });
}

/** The turn closes with what is to be mended; the task stays ready, and begins by itself when the executor works again. */
export function untilMended(step: PlanStep, failure: Failure): void {
  if (step.context.issue.workspace === unattended) return step.fail(failure);
  const { body } = failureAnswer({ failure, output: null, checks: null, kept: step.kept(), spent: null });
  step.waits({ kind: 'error', body: `${body}\n\nThe work is queued, and goes on by itself once that is mended.` });
}

/** Every executor was tried, or may not have the task: a person decides. */
export function nobodyLeft(step: PlanStep, reason: string): void {
  const attempt = step.lastAttempt();
  if (!attempt || step.task.ruledOut.length === 0) return step.say(`waiting:${step.task.attempts}`, reason);
  const failure = attempt.failure ?? { class: 'agent_failed', message: reason };
  if (step.context.issue.workspace === unattended) return step.fail(failure);
  askWhatNext(step, failure, attempt);
}

const again = 'Try again';
const stop = 'Stop here';
const mostOthers = 3;

/** The end of the chain: what failed, what is kept, and what a person may choose. */
function askWhatNext(step: PlanStep, failure: Failure, attempt: Attempt): void {
  const checks = failure.class === 'checks_failed' ? step.task.checks : null;
  const { output } = step.task;
  const { body } = failureAnswer({
    failure: { ...failure, fix: failure.fix ?? 'Choose below, or say here what to change.' },
    ...{ output, checks, kept: step.kept(), spent: step.spent() },
  });
  const state = chainState(step, attempt);
  const tried = step.task.ruledOut.map(({ why }) => `${why}.`);
  const others = othersThan(state, step.now).filter(({ condition }) => condition.state !== 'parked');
  const options = [again, ...others.slice(0, mostOthers).map(({ id }) => goOnWith(id)), stop];
  step.task.failure = failure;
  askPolicy(step, failedTopic, [body, ...(tried.length > 0 ? [`**Before that:** ${tried.join(' ')}`] : [])].join('\n\n'), options);
}

/** The topic of the question at the end of a chain. */
export const failedTopic = 'failed';
const goOnWith = (executorId: string): string => `Go on with ${executorId}`;

export type FailedChoice = { readonly do: 'again' } | { readonly do: 'stop' } | { readonly do: 'other'; readonly executorId: string };

/** What a person chose at the end of a chain; null: these are words for the agent. */
export function failedChoice(answer: string, options: readonly string[]): FailedChoice | null {
  const said = answer
    .trim()
    .toLowerCase()
    .replace(/[.!]+$/, '');
  if (['again', 'retry', again.toLowerCase()].includes(said)) return { do: 'again' };
  if (said === stop.toLowerCase()) return { do: 'stop' };
  const prefix = goOnWith('').toLowerCase();
  const named = options.find((option) => {
    const label = option.toLowerCase();
    return label.startsWith(prefix) && (said === label || said === label.slice(prefix.length));
  });
  return named ? { do: 'other', executorId: named.slice(prefix.length) } : null;
}

/** Goes on as the person chose. */
export function afterFailed(step: PlanStep, choice: FailedChoice, by: string | null): void {
  const { question, executors } = step.context;
  const said = choice.do === 'other' ? goOnWith(choice.executorId) : choice.do === 'again' ? again : stop;
  if (question) step.question = { do: 'answer', id: question.id, answer: said };
  if (choice.do === 'stop') {
    step.stopBy = by;
    return step.stop();
  }
  newStart(step);
  if (choice.do === 'other')
    for (const { id } of executors)
      if (id !== choice.executorId) ruleOut(step, { executorId: id, why: `${by ?? 'Somebody'} chose ${choice.executorId}`, until: null });
  step.again(step.task.learned, null);
  step.say(`failed:${said}:${step.now}`, choice.do === 'other' ? `Going on with ${choice.executorId}, as you decided.` : 'Trying again.');
}

/** Whether the words that were told when a task began to wait still are to be said: an executor that only a person can mend. */
export const needsMending = (failure: Failure | null | undefined): failure is Failure =>
  failure !== null && failure !== undefined && failure.retryAt === undefined && failureRules[failure.class].executor === 'out';
