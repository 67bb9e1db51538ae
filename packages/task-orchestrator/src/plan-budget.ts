import { type BudgetKey, type BudgetScope, type BudgetState, budgetName, budgetScopes, leftIn } from 'cyrus-core/budget';
import type { Instant } from 'cyrus-core/clock';
import type { Failure } from 'cyrus-core/failure';
import { formatUsd, type MicroUsd, microUsd } from 'cyrus-core/money';
import { proposedRaise, worthBeginning } from './budget.ts';
import { usedUpKey } from './dispatch-money.ts';
import { askPolicy, newStart } from './plan-ask.ts';
import type { PlanStep } from './plan-step.ts';

/** What a question about a budget is about; kept with it, so that the answer can be carried out. */
interface Asked extends BudgetKey {
  readonly amount: MicroUsd;
  readonly until: Instant | null;
}

const topicPrefix = 'budget:';

/** The question is about money: what is no answer to it waits for the agent, and the question stays. */
export const asksForMoney = (step: PlanStep): boolean => askedIn(step.context.question?.topic ?? null) !== null;

function askedIn(topic: string | null): Asked | null {
  return topic?.startsWith(topicPrefix) ? (JSON.parse(topic.slice(topicPrefix.length)) as Asked) : null;
}

/** What a task waits for: which budget, and how much has to be left of it. */
export interface MoneyNeeded {
  readonly scope: BudgetScope;
  readonly need: MicroUsd;
}

/** What the key of a waiting task names; null: it waits for something else. */
export function moneyNeeded(key: string): MoneyNeeded | null {
  if (!key.startsWith(usedUpKey)) return null;
  const parts = key.slice(usedUpKey.length).split(':');
  const scope = budgetScopes.find((one) => one === parts[0]);
  // The number of the attempt is the last part.
  return scope ? { scope, need: Number(parts.at(-2)) } : null;
}

/** An attempt was cut off, or none begins, since a budget is used up: a person decides. `needed`: by a start; `failure`: of the attempt that was cut off. */
export function askForMoney(step: PlanStep, needed: MoneyNeeded | null, failure: Failure | null): void {
  const { budgets } = step.context;
  const state = budgets.find((one) => one.scope === needed?.scope && one.limit !== null) ?? scarcest(budgets);
  if (!state) return step.fail(failure ?? { class: 'budget_exceeded', message: 'The budget is used up.' });
  const left = Math.max(0, leftIn(state) ?? 0);
  if (failure && left >= worthBeginning && !cutOffBefore(step)) {
    // It was the share of one attempt, not the budget.
    step.again(step.task.learned, null);
    return step.say(`budget:more:${step.task.attempts}`, 'The attempt has used what was set aside for it. Going on from there with more.');
  }
  const message = usedUpWords(state, left);
  if (step.context.issue.workspace === 'cli') return step.fail({ class: 'budget_exceeded', message, fix: raiseFix(state.scope) });
  const asked: Asked = {
    scope: state.scope,
    key: state.key,
    amount: proposedRaise(state, needed?.need),
    until: state.limit === 0 ? null : state.endsAt,
  };
  const kept = step.kept();
  const body = [message, kept === null ? 'Nothing of the work is lost.' : `**Kept:** ${kept}`, 'What shall I do?'].join('\n\n');
  if (asked.until !== null) step.effects.wakes.push({ entity: `plan:${step.context.plan.id}`, at: asked.until });
  askPolicy(step, `${topicPrefix}${JSON.stringify(asked)}`, body, choices(asked));
}

/** The attempt before was cut off for the same reason: another one would be, too. */
function cutOffBefore(step: PlanStep): boolean {
  const before = step.context.attempts.at(-2);
  return before?.state === 'failed' && before.failure?.class === 'budget_exceeded';
}

function usedUpWords({ scope, limit, spent, held }: BudgetState, left: MicroUsd): string {
  const of = `${budgetName(scope)} of ${formatUsd(limit ?? 0)}`;
  const what = left > 0 ? `has ${formatUsd(left)} left, which is too little to go on` : 'is used up';
  const reserved = held > 0 ? `, ${formatUsd(held)} reserved for work under way` : '';
  return `${of[0]?.toUpperCase()}${of.slice(1)} ${what}: ${formatUsd(spent)} spent${reserved}.`;
}

function scarcest(budgets: readonly BudgetState[]): BudgetState | undefined {
  return budgets
    .flatMap((state) => {
      const left = leftIn(state);
      return left === null ? [] : [{ state, left }];
    })
    .sort((a, b) => a.left - b.left)[0]?.state;
}

const raiseFix = (scope: BudgetScope): string =>
  scope === 'credit'
    ? 'Raise claude.billing.credit.monthlyUsd, or wait for next month.'
    : `Raise ${settingOf[scope]} in the configuration.`;

const settingOf: Readonly<Record<BudgetScope, string>> = {
  month: 'budgets.perMonthUsd',
  day: 'budgets.perDayUsd',
  repository: 'budgets.perRepositoryUsd',
  issue: 'budgets.perIssueUsd',
  task: 'budgets.perTaskUsd',
  attempt: 'budgets.perAttemptUsd',
  credit: 'claude.billing.credit.monthlyUsd',
};

const stopHere = 'Stop here';

function choices(asked: Asked): readonly string[] {
  const wait = waitLabel(asked);
  return [`Raise by ${formatUsd(asked.amount)}`, ...(wait === null ? [] : [wait]), stopHere];
}

function waitLabel({ scope, until }: Asked): string | null {
  if (until === null) return null;
  return scope === 'day' ? 'Wait until tomorrow' : 'Wait until next month';
}

export type BudgetChoice = { readonly do: 'raise'; readonly amount: MicroUsd } | { readonly do: 'wait' } | { readonly do: 'stop' };

/** What a person chose about a budget; null: nothing that can be done. Any amount may be named: "raise by 7.50". */
export function budgetChoice(topic: string | null, answer: string): BudgetChoice | null {
  const asked = askedIn(topic);
  if (!asked) return null;
  const said = answer
    .trim()
    .toLowerCase()
    .replace(/[.!]+$/, '');
  if (said === 'stop here' || said === 'stop') return { do: 'stop' };
  if (asked.until !== null && /^wait\b/.test(said)) return { do: 'wait' };
  // No more than six digits of dollars: what is added has to fit into the book.
  const raise = /^raise(?: it)?(?: by)?(?:\s+\$?\s*(\d{1,6}(?:[.,]\d{1,2})?)\s*(?:\$|usd|dollars)?)?$/.exec(said);
  if (!raise) return null;
  const amount = raise[1] === undefined ? asked.amount : microUsd(Number(raise[1].replace(',', '.')));
  return amount > 0 ? { do: 'raise', amount } : null;
}

/** Goes on as the person chose. */
export function afterBudget(step: PlanStep, choice: BudgetChoice, by: string | null): void {
  const { question } = step.context;
  const asked = askedIn(question?.topic ?? null);
  if (!question || !asked) return;
  const answer = { raise: 'raise', wait: 'wait', stop: stopHere }[choice.do];
  step.question = { do: 'answer', id: question.id, answer: choice.do === 'raise' ? `Raise by ${formatUsd(choice.amount)}` : answer };
  switch (choice.do) {
    case 'stop':
      step.stopBy = by;
      return step.stop();
    case 'wait':
      newStart(step);
      step.again(step.task.learned, asked.until);
      return step.say(`budget:wait:${question.id}`, `Waiting: it goes on by itself at ${time(asked.until ?? step.now)}.`);
    case 'raise': {
      step.raise = { scope: asked.scope, key: asked.key, amount: choice.amount, by };
      const { scope, key } = asked;
      step.effects.events.push({
        type: 'budget.raised',
        planId: step.context.plan.id,
        taskId: step.task.id,
        payload: { scope, key, amount: choice.amount, by },
      });
      newStart(step);
      step.again(step.task.learned, null);
      return step.say(
        `budget:raise:${question.id}`,
        `Raised ${budgetName(scope)} by ${formatUsd(choice.amount)}, as you decided. Going on.`,
      );
    }
  }
}

const time = (at: Instant): string => `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;

/** Nobody answered, and the budget has begun anew: the work goes on by itself, and owes an answer again. */
export function budgetBegins(step: PlanStep): void {
  const { question, plan } = step.context;
  const asked = askedIn(question?.topic ?? null);
  if (!question || !asked || asked.until === null || step.task.state !== 'asking' || step.plan.state !== 'running') return;
  if (step.now < asked.until) return;
  step.question = { do: 'withdraw', id: question.id };
  newStart(step);
  step.again(step.task.learned, null);
  const body = `${asked.scope === 'day' ? 'A new day' : 'A new month'} has begun, and there is money again. Going on.`;
  for (const id of new Set(step.messages.map((message) => message.sessionId)))
    step.effects.tells.push({
      entity: `session:${id}`,
      kind: 'unparked',
      payload: { planId: plan.id, key: `budget:${question.id}`, body },
    });
}
