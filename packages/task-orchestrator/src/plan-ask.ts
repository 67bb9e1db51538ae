import type { AgentQuestion, Attempt } from 'cyrus-core/domain/plan';
import { idOf } from 'cyrus-core/ids';
import { newChain } from './failure-chain.ts';
import type { QuestionStep } from './plan-context.ts';
import type { PlanStep } from './plan-step.ts';

/** The agent asks the person: the turn closes with the question, and nothing of the task runs until somebody answers. */
export function ask(step: PlanStep, attempt: Attempt, { question, options }: AgentQuestion): void {
  put(step, {
    kind: 'agent',
    topic: null,
    id: idOf(`question:${attempt.id}`),
    attemptId: attempt.id,
    body: question,
    options: options ?? null,
  });
}

/** Cyrus asks the person: what to do is a matter of policy, not of the work. */
export function askPolicy(step: PlanStep, topic: string, body: string, options: readonly string[]): void {
  put(step, { kind: 'policy', topic, id: idOf(`question:${step.task.id}:${topic}:${step.now}`), attemptId: null, body, options });
}

type Asked = Omit<Extract<QuestionStep, { do: 'ask' }>, 'do' | 'sessionId'>;

function put(step: PlanStep, asked: Asked): void {
  step.moveTask('asking');
  step.question = { do: 'ask', sessionId: step.messages[0]?.sessionId ?? '', ...asked };
  step.waits({
    kind: 'elicitation',
    body: asked.body,
    ...(asked.options?.length ? { options: asked.options.map((option) => ({ label: option, value: option })) } : {}),
  });
}

/** A person has decided: what failed before counts no more. */
export function newStart(step: PlanStep): void {
  step.task.chain = newChain(step.task.attempts);
  step.task.ruledOut = [];
}

/** Any message is the answer: what people may choose from is an offer. */
export function answered(step: PlanStep, answer: string): void {
  const { question } = step.context;
  if (question) step.question = { do: 'answer', id: question.id, answer };
  newStart(step);
  step.again(`${youAsked}${question?.body ?? ''}\nThe last message is the answer. Go on with it.`, null);
  step.say(`answered:${step.task.attempts}`, 'Thank you. The agent goes on with your answer.');
}

const youAsked = 'You asked: ';

/** What the next attempt learns after one that was cut off: also what that one was to learn of an answer. */
export function withAnswer(learned: string | null, before: string | null): string | null {
  const at = before?.indexOf(youAsked) ?? -1;
  return before === null || at < 0 ? learned : [learned, before.slice(at)].filter(Boolean).join('\n\n');
}

/** The open question once more, for somebody who said something that is no answer. */
export function askAgain(step: PlanStep): void {
  const { question } = step.context;
  step.waits({
    kind: 'elicitation',
    body: `Nothing runs at the moment: the work waits for an answer.${question ? `\n\n${question.body}` : ''}`,
  });
}
