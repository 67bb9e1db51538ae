import type { Failure } from 'cyrus-core/failure';
import { describe, expect, test } from 'vitest';
import { attempt, context, executor, finished, input, job, noon, plan, task, worked } from '../test/plan-rows.ts';
import { decidePlan } from './decide-plan.ts';
import type { PlanContext, PlanDecision } from './plan-context.ts';
import { toldAnew } from './queue-words.ts';

const refused: Failure = { class: 'auth', message: 'The key is refused.', fix: 'Set another.' };
const failedOn = (failure: Failure, over: Partial<PlanContext> = {}): PlanDecision =>
  decidePlan(
    context({ attempts: [attempt({ state: 'failed', failure })], inputs: [finished({ state: 'failed', failure })], ...over }),
    noon,
  );
const answers = (decision: PlanDecision): readonly unknown[] =>
  decision.effects.tells.flatMap((tell) => (tell.kind === 'plan_waits' ? [tell.payload['answer']] : []));
const words = (decision: PlanDecision): string => decision.effects.writes.map((draft) => JSON.stringify(draft.payload)).join('\n');

describe('an executor that only a person can mend', () => {
  test('closes the turn with what to do; the task stays ready', () => {
    const decision = failedOn(refused);
    expect(decision.task).toMatchObject({ state: 'ready', notBefore: null });
    expect(answers(decision)).toEqual([
      {
        kind: 'error',
        body: expect.stringMatching(
          /^❌ The key is refused\.\n\n\*\*What to do:\*\* Set another\.[\s\S]*goes on by itself once that is mended\.$/,
        ),
      },
    ]);
  });

  test('is told of by the dispatcher as well, for a task that never began', () => {
    const waiting = input('waiting', { key: 'parked:claude:1', reason: 'Waiting', failure: refused });
    const decision = decidePlan(context({ task: task({ state: 'ready', attempts: 0 }), attempts: [], inputs: [waiting] }), noon);
    expect(answers(decision)).toEqual([{ kind: 'error', body: expect.stringContaining('Set another.') }]);
    const told = decidePlan(context({ task: task({ state: 'ready', attempts: 0 }), attempts: [], inputs: [waiting], listeners: [] }), noon);
    expect([answers(told), words(told)]).toEqual([[], '']);
  });

  test('is told of again to whoever says something meanwhile', () => {
    const word = input('message', { sessionId: 's1', seq: 2, authorName: 'Ada', body: 'It is mended.', at: noon });
    const decision = decidePlan(context({ task: task({ state: 'ready' }), inputs: [word] }), noon);
    expect(decision.effects.events).toContainEqual(
      expect.objectContaining({ type: 'task.waiting', payload: expect.objectContaining({ key: toldAnew }) }),
    );
    expect(decision.effects.tells).toContainEqual(expect.objectContaining({ entity: 'dispatcher:main', kind: 'ready' }));
  });

  test('is not one whose run never began, since git was refused where it was to begin', () => {
    const remote = { repositoryUrl: 'https://h/app.git', startBranch: 'x-start', startSha: 's', pushBranch: 'x', unpushed: true };
    const before = attempt({ state: 'failed', failure: refused });
    const unbegun = { ...before, checkout: before.checkout && { ...before.checkout, remote }, run: null };
    expect(failedOn(refused, { attempts: [unbegun] }).plan).toMatchObject({ state: 'failed', failure: refused });
    expect(failedOn(refused, { attempts: [{ ...unbegun, run: { jobs: 1 } }] }).task?.state).toBe('ready');
  });

  test('is not waited for at a terminal', () => {
    const { issue } = context();
    const waiting = input('waiting', { key: 'parked:claude:1', reason: 'Waiting', failure: refused });
    const over = { task: task({ state: 'ready', attempts: 0 }), attempts: [], issue: { ...issue, workspace: 'cli' } };
    expect(decidePlan(context({ ...over, inputs: [waiting] }), noon).plan.state).toBe('failed');
    expect(failedOn(refused, { issue: { ...issue, workspace: 'cli' } }).plan.state).toBe('failed');
  });

  test('and is well again: what goes on owes an answer from then on', () => {
    const created = input('attempt_created', { attemptId: 'a2', number: 2, executorId: 'claude', reason: 'the default' });
    const decision = decidePlan(context({ task: task({ state: 'ready' }), inputs: [created], listeners: [] }), noon);
    expect(decision.effects.tells).toContainEqual({
      entity: 'session:s1',
      kind: 'unparked',
      payload: { planId: 'p1', key: 'a2', body: 'Going on with **claude** (the default).' },
    });
  });
});

describe('the end of a chain', () => {
  const gaveUp: Failure = { class: 'timeout', message: 'The agent was stopped when its 60 minutes were over.' };
  const open = {
    id: 'q1',
    kind: 'policy',
    topic: 'failed',
    body: '❌',
    options: ['Try again', 'Go on with codegen', 'Stop here'],
  } as const;
  const asking = (body: string): PlanDecision =>
    decidePlan(
      context({
        task: task({ state: 'asking', learned: 'It was cut off.', ruledOut: [{ executorId: 'claude', why: 'w', until: null }] }),
        attempts: [attempt({ state: 'failed', failure: gaveUp })],
        executors: [executor('claude'), executor('codegen'), executor('own')],
        question: open,
        inputs: [input('message', { sessionId: 's1', seq: 2, authorName: 'Ada', body, at: noon })],
      }),
      noon,
    );

  test('asks what next, with the executors that are left', () => {
    const executors = [
      executor('claude'),
      executor('codegen', { condition: { state: 'resting', reason: '', until: null, failure: null } }),
    ];
    const decision = failedOn(gaveUp, { executors, plan: plan({ options: { agent: 'claude' } }) });
    expect(decision.task?.state).toBe('asking');
    expect(decision.question).toMatchObject({ topic: 'failed', options: ['Try again', 'Go on with codegen', 'Stop here'] });
    expect(answers(decision)).toEqual([
      expect.objectContaining({
        kind: 'elicitation',
        body: expect.stringMatching(/^❌ The agent was stopped/),
        options: expect.anything(),
      }),
    ]);
  });

  test.each(['Try again', 'retry', 'Again.'])('%s: from the start of the chain', (said) => {
    const decision = asking(said);
    expect(decision.question).toEqual({ do: 'answer', id: 'q1', answer: 'Try again' });
    expect(decision.task).toMatchObject({
      state: 'ready',
      learned: 'It was cut off.',
      ruledOut: [],
      chain: { from: 1, checks: [], conflicts: 0 },
    });
    expect(decision.newMessages).toMatchObject([{ command: true }]);
  });

  test.each(['Go on with codegen', 'codegen'])('%s: there, and nowhere else', (said) => {
    const decision = asking(said);
    expect(decision.task?.ruledOut.map(({ executorId, why }) => [executorId, why])).toEqual([
      ['claude', 'Ada chose codegen'],
      ['own', 'Ada chose codegen'],
    ]);
    expect(words(decision)).toContain('Going on with codegen, as you decided.');
  });

  test('stop here: stopped', () => expect(asking('Stop here').plan.state).toBe('stopped'));

  test('anything else is for the agent, with a new chain', () => {
    const decision = asking('Leave the parser alone.');
    expect(decision.task).toMatchObject({
      state: 'ready',
      learned: expect.stringContaining('The last message is the answer'),
      ruledOut: [],
    });
    expect(decision.newMessages).toMatchObject([{ command: false }]);
  });

  test('a task that nobody is left for asks as well', () => {
    const waiting = input('waiting', { key: 'no-fit:2', reason: 'Waiting: no executor', exhausted: true });
    const over = { task: task({ state: 'ready', ruledOut: [{ executorId: 'claude', why: 'w', until: null }] }), inputs: [waiting] };
    const decision = decidePlan(context({ ...over, attempts: [attempt({ state: 'failed', failure: gaveUp })] }), noon);
    expect([decision.task?.state, decision.question]).toMatchObject(['asking', { topic: 'failed' }]);
    const issue = { ...context().issue, workspace: 'cli' };
    const alone = decidePlan(context({ ...over, issue, attempts: [attempt({ state: 'failed', failure: gaveUp })] }), noon);
    expect([alone.plan.state, alone.question]).toEqual(['failed', null]);
  });
});

describe('a conflict', () => {
  const sides = [
    { path: 'a.txt', into: 'changed', head: 'changed' },
    { path: 'b.txt', into: 'deleted', head: 'changed' },
  ];
  const commits = [{ sha: 'c'.repeat(40), subject: 'Drop b' }];
  const conflict = job({ kind: 'merge', result: { conflicts: ['a.txt', 'b.txt'], sides, commits } });
  const merging = (conflicts: number): PlanDecision =>
    decidePlan(
      context({
        plan: plan({ startSha: 'base', headSha: 'moved' }),
        task: task({ state: 'merging', headSha: 'head', chain: { from: 0, checks: [], conflicts } }),
        attempts: [worked()],
        executors: [executor('claude'), executor('codegen')],
        inputs: [conflict],
      }),
      noon,
    );

  test('is resolved by an attempt, which is told with what', () => {
    const decision = merging(0);
    expect(decision.task).toMatchObject({ state: 'ready', learned: expect.stringContaining('git merge moved'), chain: { conflicts: 1 } });
    expect(decision.task?.learned).toContain(
      'In conflict: a.txt (changed there, changed in your work), b.txt (deleted there, changed in your work). There they were touched by cccccccccc "Drop b".',
    );
    expect(words(decision)).toContain('The work conflicts with its branch in a.txt, b.txt. The agent resolves that.');
  });

  test('that it does not resolve is a person’s', () => {
    const decision = merging(1);
    expect(decision.task?.state).toBe('asking');
    expect(decision.question).toMatchObject({ topic: 'failed', options: ['Try again', 'Go on with codegen', 'Stop here'] });
  });
});
