import type { AgentQuestion, Attempt } from 'cyrus-core/domain/plan';
import type { Answer } from 'cyrus-core/domain/session';
import { idOf } from 'cyrus-core/ids';
import type { PlanStep } from './plan-step.ts';

/** The agent asks the person: the turn closes with the question, and nothing of the task runs until somebody answers. */
export function ask(step: PlanStep, attempt: Attempt, { question, options }: AgentQuestion): void {
  const [first] = step.messages;
  step.moveTask('asking');
  step.question = {
    do: 'ask',
    id: idOf(`question:${attempt.id}`),
    attemptId: attempt.id,
    sessionId: first?.sessionId ?? '',
    body: question,
    options: options ?? null,
  };
  step.waits(questionAnswer(question, options));
}

/** Any message is the answer: what people may choose from is an offer. */
export function answered(step: PlanStep, answer: string): void {
  const { question } = step.context;
  if (question) step.question = { do: 'answer', id: question.id, answer };
  step.again(`You asked: ${question?.body ?? ''}\nThe last message is the answer. Go on with it.`, null);
  step.say(`answered:${step.task.attempts}`, 'Thank you. The agent goes on with your answer.');
}

/** The open question once more, for somebody who said something that is no answer. */
export function askAgain(step: PlanStep): void {
  const { question } = step.context;
  step.waits({
    kind: 'elicitation',
    body: `Nothing runs at the moment: the agent waits for an answer.${question ? `\n\n${question.body}` : ''}`,
  });
}

function questionAnswer(question: string, options: readonly string[] | undefined): Answer {
  return {
    kind: 'elicitation',
    body: question,
    ...(options && options.length > 0 ? { options: options.map((option) => ({ label: option, value: option })) } : {}),
  };
}
