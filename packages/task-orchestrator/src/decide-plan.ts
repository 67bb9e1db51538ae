import type { Instant } from 'cyrus-core/clock';
import type { Input, JobEnd, WriteEnd } from 'cyrus-core/domain/effects';
import type { PlanMessage } from 'cyrus-core/domain/plan';
import type { Failure } from 'cyrus-core/failure';
import { isFinal } from 'cyrus-core/states';
import { answered, askAgain } from './plan-ask.ts';
import { attemptCreated, attemptFinished, attemptRunning } from './plan-attempts.ts';
import { afterBudget, askForMoney, asksForMoney, budgetBegins, budgetChoice, moneyNeeded } from './plan-budget.ts';
import { afterUnchecked, jobEnded, uncheckedChoice } from './plan-checks.ts';
import { checksEnded } from './plan-ci.ts';
import type { AttemptFinished, PlanContext, PlanDecision } from './plan-context.ts';
import { draft, lookAgain, looked } from './plan-draft.ts';
import { afterFailed, failedChoice, failedTopic, needsMending, nobodyLeft, untilMended } from './plan-failures.ts';
import { pause, resume } from './plan-pause.ts';
import { checksUnderWay, writeDelayed, writeEnded } from './plan-publish.ts';
import { pullRequestEnded } from './plan-pull-request.ts';
import { PlanStep } from './plan-step.ts';
import { keptWhileParked } from './plan-waits.ts';
import { toldAnew } from './queue-words.ts';
import type { Forwarded } from './session-context.ts';
import { isPause, isResume } from './stop-words.ts';

/**
 * What a plan does next: makes its task, follows its attempts, verifies, merges, publishes, finishes.
 * Pure; run again with nothing new it decides nothing.
 */
export function decidePlan(context: PlanContext, now: Instant): PlanDecision {
  const step = new PlanStep(context, now);
  const live = (): boolean => !isFinal('plan', step.plan.state);
  if (live()) {
    for (const input of context.inputs) if (input.kind === 'message') takeMessage(step, input);
    if (step.plan.state === 'drafting') draft(step);
    lookWhenDue(step);
    budgetBegins(step);
    for (const input of context.inputs) if (live()) take(step, input);
    if (context.stopRequested && live()) step.stop();
  } else for (const input of context.inputs) afterwards(step, input);
  const { plan, task, newMessages, deliveredThrough, question, issue, raise, effects } = step;
  return { plan, task, newMessages, deliveredThrough, question, issue, raise, effects };
}

function lookWhenDue(step: PlanStep): void {
  const { parkedReason, parkedUntil } = step.plan;
  if (step.plan.state !== 'parked' || parkedReason !== 'blocked') return;
  const told = step.context.inputs.find((input) => input.kind === 'look_again');
  if (told) lookAgain(step, String(told.seq));
  else if (parkedUntil !== null && step.now >= parkedUntil) lookAgain(step, String(parkedUntil));
}

/** An ended plan still sees its cleanup through, and what becomes of its pull request; what was saved is where a later plan goes on. */
function afterwards(step: PlanStep, input: Input): void {
  if (input.kind === 'pull_request') return pullRequestEnded(step, input.payload as unknown as Parameters<typeof pullRequestEnded>[1]);
  const end = input.payload as unknown as JobEnd;
  if (input.kind !== 'job' || end.kind !== 'cleanup') return;
  const cutOff = end.state === 'lost' || (end.state === 'failed' && end.failure?.class === 'sandbox_lost');
  if (cutOff) return step.cleanup(`:after:${end.jobId}`);
  if (step.plan.state === 'done') return;
  const saved = end.result?.['savedSha'];
  if (typeof saved === 'string') step.plan.headSha = saved;
  const sessions = new Set(step.messages.map((message) => message.sessionId));
  for (const id of sessions) step.effects.tells.push({ entity: `session:${id}`, kind: 'saved', payload: { planId: step.context.plan.id } });
}

function takeMessage(step: PlanStep, input: Input): void {
  const said = input.payload as unknown as Forwarded;
  if (step.messages.some((message) => message.sessionId === said.sessionId && message.seq === said.seq)) return;
  const parked = step.plan.state === 'parked';
  // What changed on the issue is nobody's answer; the next attempt reads it.
  const edited = said.signal === 'edited';
  const decide = !edited && step.task.state === 'asking' ? policyDecision(step, said.body, said.authorName) : null;
  // Deliveries overtake each other: a pause that a person took back before it was told of is none.
  const takenBack = isPause(said) && step.messages.some((message) => message.at > said.at && isResume(message));
  const orders = parked ? isResume(said) : decide !== null || (step.plan.state !== 'drafting' && isPause(said));
  const command = takenBack || orders;
  const n = (step.messages.at(-1)?.n ?? 0) + 1;
  const { sessionId, seq, authorName, body, at } = said;
  const message: PlanMessage = { n, sessionId, seq, authorName, body, delivered: false, at, command };
  step.messages.push(message);
  step.newMessages.push(message);
  if (takenBack) return;
  if (parked) return command ? resume(step) : keptWhileParked(step);
  if (step.plan.state === 'drafting') return;
  if (decide) return decide();
  if (command) return pause(step);
  if (step.task.state === 'asking' && !edited && asksForMoney(step)) return askAgain(step);
  if (step.task.state === 'asking') return edited ? undefined : answered(step, body);
  if (checksUnderWay(step)) {
    step.say(`message:${n}`, `The agent takes up ${edited ? 'the edit of the issue' : 'your message'} now; the pull request stays open.`);
    step.movePlan('running');
    return step.again(null, null);
  }
  const attempt = step.lastAttempt();
  if (step.task.state === 'running' && attempt?.state === 'running') {
    step.effects.tells.push({ entity: `attempt:${attempt.id}`, kind: 'steer', payload: { n } });
    step.say(`message:${n}`, `Passing ${edited ? 'the edit of the issue' : 'your message'} to the agent at work.`);
  } else {
    const until = step.task.state === 'verifying' || step.task.state === 'merging' ? 'the checks have ended' : 'it has started';
    step.say(`message:${n}`, `${edited ? 'The edit of the issue' : 'Your message'} is kept: the agent gets it when ${until}.`);
    if (step.task.state === 'ready') tellAnew(step);
  }
}

/** Who says something to a task that waits is owed an answer, so what it waits for is told again. */
function tellAnew(step: PlanStep): void {
  const forgotten = { key: toldAnew, ahead: null, reason: '' };
  step.effects.events.push({ type: 'task.waiting', planId: step.context.plan.id, taskId: step.task.id, payload: forgotten });
  step.effects.tells.push({ entity: 'dispatcher:main', kind: 'ready', payload: { taskId: step.task.id } });
}

/** The payload of a `waiting` input: the dispatcher cannot give the task to anybody now. */
interface Waiting {
  readonly key: string;
  /** When it was found out: the same reason told again is another word. */
  readonly at?: Instant;
  readonly reason: string;
  /** Of the executor that is waited for. */
  readonly failure?: Failure | null;
  /** Nobody is left that could take it. */
  readonly exhausted?: boolean;
}

function waiting(step: PlanStep, { key, at, reason, failure, exhausted }: Waiting): void {
  if (step.task.state !== 'ready') return;
  const needed = moneyNeeded(key);
  if (needed) return askForMoney(step, needed, null);
  if (exhausted) return nobodyLeft(step, reason);
  if (step.context.listeners.length === 0) return;
  if (needsMending(failure)) return untilMended(step, failure);
  step.say(`waiting:${key}:${at ?? ''}`, reason);
}

/** A job of the attempt waits, as for room on the disk. */
function jobWaits(step: PlanStep, { key, reason }: Pick<Waiting, 'key' | 'reason'>): void {
  if (step.context.listeners.length > 0) step.say(`waiting:${key}`, reason);
}

/** What follows from a decision of a person on a question of policy; null: these are words for the agent. */
function policyDecision(step: PlanStep, answer: string, by: string | null): (() => void) | null {
  const { question } = step.context;
  if (question?.kind !== 'policy') return null;
  if (question.topic === failedTopic) {
    const choice = failedChoice(answer, question.options ?? []);
    return choice && (() => afterFailed(step, choice, by));
  }
  if (asksForMoney(step)) {
    const choice = budgetChoice(question.topic, answer);
    return choice && (() => afterBudget(step, choice, by));
  }
  const choice = uncheckedChoice(answer);
  return choice && (() => afterUnchecked(step, choice, by));
}

function take(step: PlanStep, { kind, payload }: Input): void {
  switch (kind) {
    case 'stop':
      step.stopBy = (payload['by'] as string | null) ?? step.stopBy;
      return step.stop();
    case 'attempt_created':
      return attemptCreated(step, payload as { attemptId: string; number: number; executorId: string; reason: string });
    case 'attempt_running':
      return attemptRunning(step, payload as { attemptId: string; number: number });
    case 'attempt_finished':
      return attemptFinished(step, payload as unknown as AttemptFinished);
    case 'waiting':
      return waiting(step, payload as unknown as Waiting);
    case 'job_waiting':
      return jobWaits(step, payload as unknown as Pick<Waiting, 'key' | 'reason'>);
    case 'job':
      if (payload['kind'] === 'issue') return looked(step, payload as unknown as JobEnd);
      return jobEnded(step, payload as unknown as JobEnd);
    case 'write_delayed':
      return writeDelayed(step, payload as unknown as { kind: string; failure: Failure });
    case 'write':
      if (payload['kind'] === 'pull-request-checks') return checksEnded(step, payload as unknown as WriteEnd);
      return writeEnded(step, payload as unknown as WriteEnd);
    case 'pull_request':
      return pullRequestEnded(step, payload as unknown as Parameters<typeof pullRequestEnded>[1]);
  }
}
