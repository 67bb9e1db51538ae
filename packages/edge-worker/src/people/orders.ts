import { type Failure, FailureError } from 'cyrus-core/failure';
import type { Queryable } from 'cyrus-store/pool';
import { type OpenQuestion, openQuestions } from 'cyrus-store/queries/question-list';
import { sessionsOfPlan } from 'cyrus-store/queries/session-of-plan';
import type { TaskSummary } from 'cyrus-store/queries/task-list';
import type { Ingest } from '../ingest/ingest.ts';
import { findTask } from './find-task.ts';

export const orders = ['steer', 'answer', 'pause', 'resume', 'retry', 'stop'] as const;
export type OrderKind = (typeof orders)[number];

/** What a person at a terminal or a program wants of a task. */
export interface Order {
  readonly kind: OrderKind;
  /** The words of a `steer`, an `answer` or a `retry`. */
  readonly text?: string;
  readonly author: string;
  /** Chosen by the caller: the same order sent twice counts once. */
  readonly id: string;
}

export interface OrderTaken {
  readonly order: OrderKind;
  readonly identifier: string;
  readonly taskId: string | null;
  readonly sessionId: string;
}

const refused = (message: string, fix?: string): FailureError => {
  const failure: Failure = { class: 'invalid_request', message, ...(fix ? { fix } : {}) };
  return new FailureError(failure);
};

/**
 * Carries an order to the session of a task, by the same door as everything people say.
 * `name`: an issue such as ENG-1, the beginning of a task's id, or for an answer the beginning of a question's.
 * @throws FailureError `invalid_request` when the order makes no sense for the task as it is, with what to do instead
 */
export async function giveOrder(db: Queryable, ingest: Pick<Ingest, 'say'>, name: string, order: Order): Promise<OrderTaken> {
  if ((order.kind === 'steer' || order.kind === 'answer') && !order.text?.trim())
    throw refused(`There is nothing to say: the text of the ${order.kind} is empty.`);
  if (order.kind === 'answer') return await answer(db, ingest, name, order);
  const task = await findTask(db, name);
  const unfit = unfitFor(task, order.kind);
  if (unfit) throw unfit;
  const [session] = await sessionsOfPlan(db, task.planId);
  if (!session) throw refused(`${task.identifier} has no session to speak in.`);
  await ingest.say(session.id, saying(order));
  return { order: order.kind, identifier: task.identifier, taskId: task.taskId, sessionId: session.id };
}

function saying(order: Order): Parameters<Ingest['say']>[1] {
  const { author, id } = order;
  if (order.kind === 'steer' || order.kind === 'answer') return { body: order.text ?? '', author, id };
  if (order.kind === 'retry') return { body: order.text?.trim() || 'Try again.', author, id };
  return { body: order.kind, signal: order.kind, author, id };
}

function unfitFor(task: TaskSummary, kind: OrderKind): FailureError | null {
  const { identifier } = task;
  const ended = task.endedAt !== null;
  const parked = task.planState === 'parked';
  switch (kind) {
    case 'retry':
      if (!ended)
        return refused(`${identifier} is not at its end: it is ${task.planState}.`, `Direct it with: cyrus steer ${identifier} "…"`);
      return null;
    case 'resume':
      if (!parked)
        return refused(`${identifier} is not paused: it is ${task.planState}.`, ended ? `Try: cyrus retry ${identifier}` : undefined);
      return null;
    case 'pause':
      if (ended) return refused(`${identifier} is not running: it is ${task.planState}.`, `Begin anew with: cyrus retry ${identifier}`);
      if (parked) return refused(`${identifier} waits already (${task.parkedReason}).`, `Go on with: cyrus resume ${identifier}`);
      return null;
    case 'steer':
      if (ended) return refused(`${identifier} is not running: it is ${task.planState}.`, `Begin anew with: cyrus retry ${identifier} "…"`);
      return null;
    default:
      return ended ? refused(`${identifier} is not running: it is ${task.planState}.`, 'There is nothing to stop.') : null;
  }
}

async function answer(db: Queryable, ingest: Pick<Ingest, 'say'>, name: string, order: Order): Promise<OrderTaken> {
  const open = await openQuestions(db);
  const meant = open.filter((question) => fits(question, name));
  const [question] = meant;
  const list = open.map(({ identifier }) => identifier).join(', ');
  if (!question)
    throw refused(`"${name}" has no open question.`, list ? `Open questions are in: ${list}` : 'There are none at all: see cyrus status');
  if (meant.length > 1) throw refused(`"${name}" may mean several questions.`, 'Write the id of one of them: cyrus status --json');
  await ingest.say(question.sessionId, saying(order));
  return { order: 'answer', identifier: question.identifier, taskId: null, sessionId: question.sessionId };
}

const fits = (question: OpenQuestion, name: string): boolean =>
  question.identifier.toLowerCase() === name.toLowerCase() || (name.length >= 4 && question.id.startsWith(name));
