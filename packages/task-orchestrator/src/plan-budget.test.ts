import type { BudgetScope, BudgetState } from 'cyrus-core/budget';
import type { Failure } from 'cyrus-core/failure';
import { describe, expect, test } from 'vitest';
import { attempt, context, executor, finished, input, noon, said, task } from '../test/plan-rows.ts';
import { decidePlan } from './decide-plan.ts';
import { budgetChoice } from './plan-budget.ts';
import type { PlanContext, PlanDecision } from './plan-context.ts';

const usd = (amount: number): number => amount * 1_000_000;
const midnight = noon + 12 * 3_600_000;
const budget = (scope: BudgetScope, limit: number, spent: number): BudgetState => ({
  scope,
  key: scope === 'day' ? '2026-11-21' : `the ${scope}`,
  limit: usd(limit),
  spent: usd(spent),
  held: 0,
  endsAt: scope === 'day' ? midnight : null,
});
const exhausted: Failure = { class: 'budget_exceeded', message: 'The agent reached the cost limit.' };
const decide = (over: Partial<PlanContext>, now = noon): PlanDecision => decidePlan(context(over), now);
const waitsFor = (key: string) => input('waiting', { key: `${key}:1`, reason: 'Waiting: no money.' });
const elicitation = (decision: PlanDecision): { body: string; options: string[] } => {
  const tell = decision.effects.tells.find(({ kind }) => kind === 'plan_waits');
  const answer = tell?.payload['answer'] as { body: string; options?: { label: string }[] };
  return { body: answer?.body ?? '', options: answer?.options?.map(({ label }) => label) ?? [] };
};
const ready = { task: task({ state: 'ready', attempts: 0 }), attempts: [] };
const says = (body: string, authorName = 'Ada') => input('message', { sessionId: 's1', seq: 2, authorName, body, signal: null, at: noon });
const asked = (scope: BudgetScope, over: { readonly until?: number | null } = {}): PlanContext['question'] => ({
  id: 'q',
  kind: 'policy',
  topic: `budget:${JSON.stringify({ scope, key: `the ${scope}`, amount: usd(25), until: over.until === undefined ? midnight : over.until })}`,
  body: 'What shall I do?',
  options: [],
});
const asking = { task: task({ state: 'asking' }), attempts: [attempt({ state: 'failed', failure: exhausted })] };

describe('a budget that is used up', () => {
  test('before a start: a person is asked, with what there is to choose from', () => {
    const decision = decide({
      ...ready,
      inputs: [waitsFor('budget:day:2026-11-21:50000000:250000')],
      budgets: [budget('day', 50, 50), budget('task', 5, 0)],
    });
    expect(decision.task?.state).toBe('asking');
    expect(elicitation(decision)).toEqual({
      body: expect.stringMatching(/^Today's budget of \$50\.00 is used up: \$50\.00 spent\./),
      options: ['Raise by $25.00', 'Wait until tomorrow', 'Stop here'],
    });
    expect(decision.effects.wakes).toContainEqual({ entity: 'plan:p1', at: midnight });
  });

  test('of the task itself: waiting would not help, so it is not offered', () => {
    const decision = decide({
      ...ready,
      inputs: [waitsFor('budget:task:t1:5000000:2000000')],
      budgets: [budget('day', 50, 50), budget('task', 5, 5)],
    });
    expect(elicitation(decision)).toMatchObject({
      body: expect.stringMatching(/^The budget of this task/),
      options: ['Raise by $3.00', 'Stop here'],
    });
  });

  test('what only others hold is waited for without a question', () => {
    const decision = decide({ ...ready, inputs: [waitsFor('money:day')] });
    expect(decision.task?.state).toBe('ready');
    expect(decision.question).toBeNull();
  });

  test('in the middle of the work: what is kept is said', () => {
    const decision = decide({
      attempts: [attempt({ state: 'failed', failure: exhausted })],
      inputs: [finished({ state: 'failed', failure: exhausted })],
      budgets: [budget('day', 50, 20), budget('issue', 10, 10)],
    });
    expect(decision.question).toMatchObject({ do: 'ask', kind: 'policy' });
    expect(elicitation(decision).body).toMatch(/^The budget of this issue of \$10\.00 is used up/);
  });

  test('goes on with an executor that costs nothing more, where there is one', () => {
    const decision = decide({
      attempts: [attempt({ state: 'failed', failure: exhausted })],
      inputs: [finished({ state: 'failed', failure: exhausted })],
      budgets: [budget('day', 50, 50)],
      executors: [executor('claude'), executor('mine', { included: true })],
    });
    expect(decision.task?.state).toBe('ready');
    expect(decision.question).toBeNull();
  });

  test('an attempt that only used its share goes on once with more, and then asks', () => {
    const budgets = [budget('day', 50, 20)];
    const failed = (number: number) => attempt({ id: `a${number}`, number, state: 'failed', failure: exhausted });
    const once = decide({ attempts: [failed(1)], inputs: [finished({ state: 'failed', failure: exhausted })], budgets });
    expect(once.task?.state).toBe('ready');
    const twice = decide({
      task: task({ state: 'running', attempts: 2 }),
      attempts: [failed(1), failed(2)],
      inputs: [finished({ attemptId: 'a2', number: 2, state: 'failed', failure: exhausted })],
      budgets,
    });
    expect(twice.task?.state).toBe('asking');
    expect(elicitation(twice).body).toMatch(/has \$30\.00 left, which is too little to go on/);
  });

  test('nobody to ask: the task fails, with the setting that would help', () => {
    const given = context(ready);
    const decision = decide({
      ...ready,
      issue: { ...given.issue, workspace: 'cli' },
      inputs: [waitsFor('budget:day:2026-11-21:0:250000')],
      budgets: [budget('day', 0, 0)],
    });
    expect(decision.plan.failure).toMatchObject({ class: 'budget_exceeded', fix: 'Raise budgets.perDayUsd in the configuration.' });
  });
});

describe('the answer', () => {
  test.each([
    ['Raise by $25.00', { do: 'raise', amount: usd(25) }],
    ['raise', { do: 'raise', amount: usd(25) }],
    ['raise by 7.50', { do: 'raise', amount: usd(7.5) }],
    ['Raise it by 7,5 USD', { do: 'raise', amount: usd(7.5) }],
    ['raise by 0', null],
    [`raise by ${'9'.repeat(14)}`, null],
    ['Wait until tomorrow', { do: 'wait' }],
    ['Stop here.', { do: 'stop' }],
    ['what did it cost so far?', null],
    ['raise the window by two pixels', null],
  ])('%s', (answer, choice) => {
    expect(budgetChoice(asked('day')?.topic ?? null, answer)).toEqual(choice);
  });

  test('a question about something else has none', () => {
    expect(budgetChoice('failed', 'raise')).toBeNull();
    expect(budgetChoice(null, 'stop')).toBeNull();
  });

  test('raise: who added how much to which budget is stored, and the work goes on', () => {
    const decision = decide({ ...asking, question: asked('day'), inputs: [says('Raise by $25.00')] });
    expect(decision.raise).toEqual({ scope: 'day', key: 'the day', amount: usd(25), by: 'Ada' });
    expect(decision.task).toMatchObject({ state: 'ready', notBefore: null });
    expect(decision.question).toEqual({ do: 'answer', id: 'q', answer: 'Raise by $25.00' });
    expect(decision.newMessages).toEqual([expect.objectContaining({ command: true })]);
    expect(decision.effects.events.map(({ type }) => type)).toContain('budget.raised');
  });

  test('wait: it is ready again at midnight', () => {
    const decision = decide({ ...asking, question: asked('day'), inputs: [says('wait until tomorrow')] });
    expect(decision.raise).toBeNull();
    expect(decision.task).toMatchObject({ state: 'ready', notBefore: midnight });
  });

  test('stop: the plan stops', () => {
    const decision = decide({ ...asking, question: asked('day'), inputs: [says('Stop here')] });
    expect(decision.plan.state).toBe('stopped');
  });

  test('anything else is kept for the agent, and the question stays', () => {
    const decision = decide({ ...asking, question: asked('day'), inputs: [says('Please use tabs.')] });
    expect(decision.task?.state).toBe('asking');
    expect(decision.question).toBeNull();
    expect(decision.newMessages).toEqual([expect.objectContaining({ command: false })]);
    expect(elicitation(decision).body).toContain('What shall I do?');
  });

  test('nobody answers, and the day is over: it goes on by itself, and owes an answer', () => {
    const before = decide({ ...asking, messages: [said(1, true)], question: asked('day') }, midnight - 1);
    expect(before.task?.state).toBe('asking');
    const decision = decide({ ...asking, messages: [said(1, true)], question: asked('day') }, midnight);
    expect(decision.task?.state).toBe('ready');
    expect(decision.question).toEqual({ do: 'withdraw', id: 'q' });
    expect(decision.effects.tells.map(({ entity, kind }) => `${entity} ${kind}`)).toEqual(['dispatcher:main ready', 'session:s1 unparked']);
  });

  test('a budget without a period is waited for by nobody', () => {
    expect(decide({ ...asking, question: asked('issue', { until: null }) }, noon * 2).task?.state).toBe('asking');
    expect(budgetChoice(asked('issue', { until: null })?.topic ?? null, 'wait')).toBeNull();
  });
});
