import type { Plan, PlanMessage } from 'cyrus-core/domain/plan';
import { describe, expect, test } from 'vitest';
import { attempt, context, finished, input, job, noon, plan, said, task, verdict, worked } from '../test/plan-rows.ts';
import { decidePlan } from './decide-plan.ts';
import type { AttemptFinished, PlanContext, PlanDecision } from './plan-context.ts';

const says = (body: string, signal: string | null = null, seq = 2): ReturnType<typeof input> =>
  input('message', { sessionId: 's1', seq, authorName: 'Ada', body, signal, at: noon });
const parked = (over: Partial<Plan> = {}): Plan => plan({ state: 'parked', parkedReason: 'paused', parkedFrom: 'running', ...over });
const waits = (decision: PlanDecision): string =>
  decision.effects.tells
    .filter((tell) => tell.kind === 'plan_waits')
    .map(
      (tell) =>
        `${tell.entity} ${(tell.payload['answer'] as { kind: string; body: string }).kind}: ${(tell.payload['answer'] as { body: string }).body}`,
    )
    .join('\n');
const told = (decision: PlanDecision): readonly string[] => decision.effects.tells.map((tell) => `${tell.entity} ${tell.kind}`);
const decide = (over: Partial<PlanContext>): PlanDecision => decidePlan(context(over), noon);

describe('pause', () => {
  test.each(['pause', 'Pause!', '@cyrus pause', 'пауза'])('%s ends the agent first, and answers once it has ended', (body) => {
    const asked = decide({ inputs: [says(body)] });
    expect(asked.plan).toMatchObject({ state: 'parked', parkedReason: 'paused', parkedFrom: 'running' });
    expect(told(asked)).toEqual(['attempt:a1 pause']);
    expect(asked.newMessages).toEqual([expect.objectContaining({ command: true })]);
    const interrupted = attempt({ state: 'stopped', interruption: { kind: 'pause' } });
    const ended = decide({
      plan: parked(),
      attempts: [interrupted],
      inputs: [finished({ state: 'stopped', interruption: { kind: 'pause' } })],
    });
    expect(ended.plan.state).toBe('parked');
    expect(waits(ended)).toMatch(/^session:s1 response: Paused\..*`resume`/s);
    expect(ended.task?.state).toBe('running');
  });

  test('that a resume, said after it, has overtaken is none', () => {
    const resume = { ...said(1, true), body: 'resume', at: noon + 1 };
    const decision = decide({ messages: [resume], inputs: [says('pause')] });
    expect(decision.plan.state).toBe('running');
    expect(told(decision)).toEqual([]);
    expect(decision.newMessages).toEqual([expect.objectContaining({ command: true })]);
    expect(decide({ messages: [{ ...resume, at: noon - 1 }], inputs: [says('pause')] }).plan.state).toBe('parked');
  });

  test('with no agent at work is answered at once', () => {
    const decision = decide({ task: task({ state: 'ready' }), attempts: [], inputs: [says('hold', 'pause')] });
    expect(waits(decision)).toContain('Paused.');
  });

  test('an attempt made at the same moment is told, too', () => {
    const created = input('attempt_created', { attemptId: 'a1', number: 2, executorId: 'claude', reason: 'r' });
    const decision = decide({
      plan: parked(),
      task: task({ state: 'ready' }),
      attempts: [attempt({ state: 'reserved' })],
      inputs: [created],
    });
    expect(told(decision)).toEqual(['attempt:a1 pause']);
    expect(decision.task?.state).toBe('assigned');
  });

  test('comes too late for what is being published', () => {
    const decision = decide({ plan: plan({ state: 'verifying' }), task: task({ state: 'done' }), inputs: [says('pause')] });
    expect(decision.plan.state).toBe('verifying');
    expect(JSON.stringify(decision.effects.writes)).toContain('Too late for a pause');
  });

  test.each(['please pause the music when it stops', 'pause after the tests'])('%s is for the agent', (body) => {
    const decision = decide({ inputs: [says(body)] });
    expect(decision.plan.state).toBe('running');
    expect(told(decision)).toEqual(['attempt:a1 steer']);
  });
});

describe('while it rests', () => {
  test('messages are kept and answered', () => {
    const decision = decide({ plan: parked(), inputs: [says('and a cat')] });
    expect(waits(decision)).toContain('Your message is kept');
    expect(decision.newMessages).toEqual([expect.objectContaining({ body: 'and a cat', command: false })]);
  });

  test('the checks end, and nothing follows from them', () => {
    const decision = decide({
      plan: parked(),
      task: task({ state: 'verifying', headSha: 'head' }),
      inputs: [job({ result: { ...verdict(0) } })],
    });
    expect(decision.task).toMatchObject({ state: 'verifying', checks: { verdict: 'passed' } });
    expect([...decision.effects.jobs, ...decision.effects.writes]).toEqual([]);
  });

  test('a stop ends it for good', () => {
    const decision = decide({ plan: parked(), task: task({ state: 'ready' }), attempts: [], inputs: [input('stop', { by: 'Ada' })] });
    expect(decision.plan).toMatchObject({ state: 'stopped', parkedReason: null });
    expect(decision.plan.answer?.body).toContain('Stopped as Ada asked');
  });
});

describe('resume', () => {
  const resumed = (over: Partial<PlanContext>): PlanDecision => decide({ plan: parked(), inputs: [says('resume')], ...over });

  test('of an interrupted agent gives the task its next attempt', () => {
    const decision = resumed({ attempts: [attempt({ state: 'stopped', interruption: { kind: 'pause' }, deliveredN: 1 })] });
    expect(decision.plan).toMatchObject({ state: 'running', parkedReason: null });
    expect(decision.task?.state).toBe('ready');
    expect(told(decision)).toEqual(['dispatcher:main ready']);
  });

  test('of an agent that was faster takes its work', () => {
    const decision = resumed({ attempts: [worked({ deliveredN: 1 })] });
    expect(decision.effects.jobs.map((draft) => draft.kind)).toEqual(['verify']);
  });

  test('of a task in the queue queues it again', () => {
    expect(told(resumed({ task: task({ state: 'ready' }), attempts: [] }))).toEqual(['dispatcher:main ready']);
  });

  test('of checks that have ended meanwhile goes on to the merge', () => {
    const decision = resumed({
      task: task({ state: 'verifying', headSha: 'head', checks: verdict(0) }),
      attempts: [worked({ deliveredN: 1 })],
    });
    expect(decision.effects.jobs.map((draft) => draft.kind)).toEqual(['merge']);
  });

  test('of checks under way leaves them to end', () => {
    const decision = resumed({ task: task({ state: 'verifying', headSha: 'head' }), attempts: [worked({ deliveredN: 1 })] });
    expect(decision.effects.jobs).toEqual([]);
    expect(decision.task?.state).toBe('verifying');
  });

  test('the orders themselves are no messages that an agent still has to read', () => {
    const order: PlanMessage = { ...said(2), command: true, body: 'pause' };
    const decision = decide({ messages: [said(1, true), order], attempts: [worked({ deliveredN: 1 })], inputs: [finished()] });
    expect(decision.effects.jobs.map((draft) => draft.kind)).toEqual(['verify']);
  });
});

describe('a question of the agent', () => {
  const interruption = { kind: 'question', question: 'Which port?', options: ['4000', '5000'] } as const;
  const asked = finished({ state: 'asked', interruption });

  test('closes the turns with a choice, and is a row', () => {
    const decision = decide({ attempts: [attempt({ state: 'asked', interruption, deliveredN: 1 })], inputs: [asked] });
    expect(decision.task?.state).toBe('asking');
    expect(decision.question).toMatchObject({ do: 'ask', attemptId: 'a1', sessionId: 's1', body: 'Which port?' });
    expect(decision.effects.tells).toEqual([
      expect.objectContaining({
        payload: expect.objectContaining({ through: 1, answer: expect.objectContaining({ kind: 'elicitation' }) }),
      }),
    ]);
  });

  test('is put off while something said meanwhile is unread', () => {
    const decision = decide({
      attempts: [attempt({ state: 'asked', interruption })],
      messages: [said(1), said(2)],
      inputs: [finished({ state: 'asked', interruption, deliveredN: 1 })],
    });
    expect(decision.task?.state).toBe('ready');
    expect(decision.question).toBeNull();
  });

  const question = { id: 'q1', kind: 'agent', topic: null, body: 'Which port?', options: null } as const;
  test('any message is its answer', () => {
    const decision = decide({ task: task({ state: 'asking' }), question, inputs: [says('4000')] });
    expect(decision.question).toEqual({ do: 'answer', id: 'q1', answer: '4000' });
    expect(decision.task).toMatchObject({ state: 'ready', learned: expect.stringContaining('You asked: Which port?') });
  });

  test.each<[string, Pick<AttemptFinished, 'state'> & Partial<Pick<AttemptFinished, 'failure' | 'interruption'>>]>([
    ['lost', { state: 'lost' }],
    ['killed', { state: 'failed', failure: { class: 'sandbox_lost', message: 'Killed.' } }],
    ['paused', { state: 'stopped', interruption: { kind: 'pause' } }],
  ])('is told with its answer again when the attempt that went on with it was %s, once', (_how, end) => {
    const answer = 'You asked: Which port?\nThe last message is the answer.';
    for (const learned of [answer, `It was cut off.\n\n${answer}`]) {
      const cut = { task: task({ learned }), attempts: [attempt({ ...end, deliveredN: 1 })], inputs: [finished(end)] };
      expect(decide(cut).task?.learned?.match(/You asked: Which port\?/g)).toHaveLength(1);
    }
  });

  test('a pause of it asks again, a stop withdraws it', () => {
    expect(waits(decide({ task: task({ state: 'asking' }), question, inputs: [says('pause')] }))).toContain('elicitation: Nothing runs');
    const stopped = decide({ task: task({ state: 'asking' }), attempts: [], question, inputs: [input('stop', { by: 'Ada' })] });
    expect(stopped.question).toEqual({ do: 'withdraw', id: 'q1' });
  });
});

describe('work whose checks cannot run', () => {
  const notRun = { verdict: 'not_run', reason: 'cargo is not installed', checks: [] } as const;
  const question = { id: 'q1', kind: 'policy', topic: 'checks', body: 'The checks cannot run.', options: null } as const;
  const asking = { task: task({ state: 'asking', headSha: 'head', checks: notRun }), attempts: [worked({ deliveredN: 1 })], question };

  test.each(['Publish without checks', 'publish.'])('is published when a person says "%s"', (words) => {
    const decision = decide({ ...asking, inputs: [says(words)] });
    expect(decision.effects.jobs.map((draft) => draft.kind)).toEqual(['merge']);
    expect(decision.question).toMatchObject({ do: 'answer', answer: 'Publish without checks' });
    expect(decision.newMessages).toMatchObject([{ command: true }]);
  });

  test('is checked again, or stopped', () => {
    expect(decide({ ...asking, inputs: [says('Run the checks again')] }).effects.jobs).toMatchObject([{ kind: 'verify' }]);
    const stopped = decide({ ...asking, inputs: [says('Stop here')] });
    expect(stopped.plan).toMatchObject({ state: 'stopped' });
    expect(stopped.plan.answer?.body).toContain('Stopped as Ada asked');
  });

  test('other words are for the agent', () => {
    const decision = decide({ ...asking, inputs: [says('use make instead')] });
    expect(decision.task?.state).toBe('ready');
    expect(decision.newMessages).toMatchObject([{ command: false }]);
  });
});
