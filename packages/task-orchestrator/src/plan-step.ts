import type { Instant } from 'cyrus-core/clock';
import { type Effects, noEffects } from 'cyrus-core/domain/effects';
import type { Attempt, Evidence, ParkedReason, PlanMessage } from 'cyrus-core/domain/plan';
import type { Answer } from 'cyrus-core/domain/session';
import type { Failure } from 'cyrus-core/failure';
import { idOf } from 'cyrus-core/ids';
import { assertMove, isFinal, type PlanState, type TaskState } from 'cyrus-core/states';
import { code, failureAnswer, type Spent, stopAnswer } from './answers.ts';
import type { AttemptFinished, BudgetRaise, IssueRead, PlanContext, PlanPatch, QuestionStep, TaskPatch } from './plan-context.ts';
import type { PlanFinished, PlanWaits } from './session-context.ts';
import { type ChecklistStatus, checklist, type Listener, thought } from './tracker-writes.ts';

/** One decision of a plan in the making: the rows as they will be, and what is wanted besides. The steps of a plan's way work on it. */
export class PlanStep {
  readonly context: PlanContext;
  readonly now: Instant;
  readonly effects: Effects = noEffects();
  readonly plan: PlanPatch;
  readonly task: TaskPatch & { id: string; isNew: boolean; prompt: string };
  readonly messages: PlanMessage[];
  readonly newMessages: PlanMessage[] = [];
  deliveredThrough: number;
  question: QuestionStep | null = null;
  issue: IssueRead | null = null;
  raise: BudgetRaise | null = null;
  stopBy: string | null;
  stopped = false;

  constructor(context: PlanContext, now: Instant) {
    this.context = context;
    this.now = now;
    const { plan, task } = context;
    this.stopBy = context.stopRequestedBy;
    this.plan = {
      state: plan.state,
      headSha: plan.headSha,
      startSha: plan.startSha,
      pushedSha: plan.pushedSha,
      baseBranch: plan.baseBranch,
      pullRequest: plan.pullRequest,
      failure: null,
      answer: null,
      parkedReason: plan.parkedReason,
      parkedFrom: plan.parkedFrom,
      parkedUntil: plan.parkedUntil,
    };
    this.task = task
      ? { ...task, failure: null, isNew: false }
      : {
          id: idOf(`task:${plan.id}:main`),
          prompt: context.issue.title,
          state: 'waiting',
          attempts: 0,
          notBefore: null,
          learned: null,
          headSha: null,
          checks: null,
          output: null,
          failure: null,
          ruledOut: [],
          chain: null,
          isNew: true,
        };
    this.messages = [...context.messages];
    this.deliveredThrough = context.messages.reduce((last, message) => (message.delivered ? Math.max(last, message.n) : last), 0);
  }

  movePlan(to: PlanState): void {
    assertMove('plan', this.plan.state, to);
    this.effects.events.push({ type: 'plan.state', planId: this.context.plan.id, payload: { from: this.plan.state, to } });
    this.plan.state = to;
  }

  moveTask(to: TaskState): void {
    assertMove('task', this.task.state, to);
    this.effects.events.push({
      type: 'task.state',
      planId: this.context.plan.id,
      taskId: this.task.id,
      payload: { from: this.task.state, to },
    });
    this.task.state = to;
  }

  park(reason: ParkedReason, until: Instant | null): void {
    const from = this.plan.state === 'drafting' ? 'drafting' : 'running';
    this.movePlan('parked');
    this.plan.parkedReason = reason;
    this.plan.parkedFrom = from;
    this.plan.parkedUntil = until;
    if (until !== null) this.effects.wakes.push({ entity: `plan:${this.context.plan.id}`, at: until });
  }

  unpark(): void {
    this.movePlan(this.plan.parkedFrom ?? 'running');
    this.plan.parkedReason = null;
    this.plan.parkedFrom = null;
    this.plan.parkedUntil = null;
  }

  /** Messages that no agent has certainly read. */
  undelivered(): readonly PlanMessage[] {
    return this.messages.filter((message) => message.n > this.deliveredThrough && !message.command);
  }

  /** Closes the turns of everybody who waits; the plan stays live, and what is said next opens a turn of its own. */
  waits(answer: Answer): void {
    const through = new Map<string, number>();
    for (const { sessionId, seq } of this.messages) through.set(sessionId, Math.max(through.get(sessionId) ?? 0, seq));
    for (const [sessionId, seq] of through) {
      const payload: PlanWaits = { planId: this.context.plan.id, through: seq, answer };
      this.effects.tells.push({ entity: `session:${sessionId}`, kind: 'plan_waits', payload: { ...payload } });
    }
  }

  tell(write: (to: Listener) => Effects['writes'][number]): void {
    for (const to of this.context.listeners) this.effects.writes.push(write(to));
  }

  say(key: string, body: string): void {
    this.tell((to) => thought(to, `plan:${this.context.plan.id}:${key}`, body, this.context.plan.id));
  }

  /** The person's view of where the plan is. */
  showChecklist(step: 'work' | 'verify' | 'publish' | 'end'): void {
    const { plan, settings } = this.context;
    if (plan.procedure === 'scoper') return;
    const steps = (['work', 'verify', 'publish'] as const).filter((name) => name !== 'verify' || settings.verifyMode !== 'ci');
    const names = {
      work: 'Do the work',
      verify: 'Run the checks',
      publish:
        settings.noPullRequest === null
          ? `Open the pull request${settings.verifyMode === 'local' ? '' : ', and wait for its checks'}`
          : `Push the branch (no pull request: ${settings.noPullRequest})`,
    };
    const at = step === 'end' ? steps.length : (steps as readonly string[]).indexOf(step);
    const items = steps.map((name, index) => {
      const status: ChecklistStatus = index < at ? 'completed' : index === at ? 'inProgress' : 'pending';
      return { content: names[name], status };
    });
    this.tell((to) => checklist(to, `plan:${plan.id}:checklist:${step}:${this.task.attempts}`, items, plan.id));
  }

  lastAttempt(): Attempt | undefined {
    return this.context.attempts.at(-1);
  }

  again(learned: string | null, notBefore: Instant | null): void {
    this.moveTask('ready');
    this.task.learned = learned;
    this.task.notBefore = notBefore;
    this.effects.tells.push({ entity: 'dispatcher:main', kind: 'ready', payload: { taskId: this.task.id } });
    if (notBefore) this.effects.wakes.push({ entity: 'dispatcher:main', at: notBefore });
  }

  /** What the plan changed, by the attempts that brought work in. */
  evidence(): Evidence | null {
    return [...this.context.attempts].reverse().find((attempt) => attempt.evidence && attempt.evidence.files.length > 0)?.evidence ?? null;
  }

  spent(): Spent {
    return { ...this.context.spent, durationMs: this.now - this.context.plan.createdAt, attempts: this.context.attempts.length };
  }

  fail(failure: Failure): void {
    if (!isFinal('task', this.task.state)) this.moveTask('failed');
    this.task.failure = failure;
    this.plan.failure = failure;
    const answer = failureAnswer({ failure, output: this.task.output, checks: this.task.checks, kept: this.kept(), spent: this.spent() });
    this.finish('failed', answer);
  }

  stop(): void {
    if (this.stopped) return;
    const attempt = this.lastAttempt();
    const attemptLive = attempt && !isFinal('attempt', attempt.state);
    if (attemptLive) {
      this.effects.tells.push({ entity: `attempt:${attempt.id}`, kind: 'stop', payload: {} });
      const finished = this.context.inputs.some((input) => input.kind === 'attempt_finished' && input.payload['attemptId'] === attempt.id);
      if (!finished) return;
    }
    this.stopped = true;
    if (!isFinal('task', this.task.state)) this.moveTask('stopped');
    const ended = this.context.inputs.findLast((input) => input.kind === 'attempt_finished')?.payload as unknown as AttemptFinished;
    this.finish('stopped', stopAnswer(this.stopBy, this.kept(), this.context.stopReason, ended?.unconfirmedStop));
  }

  kept(): string | null {
    if (this.plan.pushedSha && this.plan.pushedSha === this.plan.headSha) return `branch ${code(this.context.plan.branch)} on the remote`;
    const attempt = [...this.context.attempts]
      .reverse()
      .find((candidate) => candidate.headSha && candidate.evidence && candidate.evidence.commits.length > 0);
    return attempt ? `the work so far, in the mirror as ${code(`refs/cyrus/wip/${attempt.id}`)}; the next run goes on from it` : null;
  }

  finish(state: 'done' | 'failed' | 'stopped', answer: Answer): void {
    const { plan } = this.context;
    this.movePlan(state);
    if (this.plan.pullRequest?.checksOf !== undefined) {
      const { checksOf: _waitedFor, ...pullRequest } = this.plan.pullRequest;
      this.plan.pullRequest = pullRequest;
    }
    this.plan.answer = answer;
    this.plan.parkedReason = null;
    this.plan.parkedFrom = null;
    this.plan.parkedUntil = null;
    if (this.question?.do === 'ask') this.question = null;
    else if (this.context.question && !this.question) this.question = { do: 'withdraw', id: this.context.question.id };
    if (state !== 'done') {
      const kept = [...this.context.attempts].reverse().find((attempt) => attempt.headSha)?.headSha;
      if (kept) this.plan.headSha = kept;
    }
    const sessions = new Map<string, number>();
    for (const message of this.messages) {
      const dealtWith = state !== 'done' || message.command || message.n <= this.deliveredThrough ? message.seq : 0;
      sessions.set(message.sessionId, Math.max(sessions.get(message.sessionId) ?? 0, dealtWith));
    }
    for (const [sessionId, through] of sessions) {
      const payload: PlanFinished = { planId: plan.id, state, through, answer };
      this.effects.tells.push({ entity: `session:${sessionId}`, kind: 'plan_finished', payload: { ...payload } });
    }
    this.cleanup();
    this.effects.tells.push({ entity: 'dispatcher:main', kind: 'ended', payload: { planId: plan.id } });
  }

  cleanup(again = ''): void {
    const { plan, attempts } = this.context;
    if (attempts.length === 0) return;
    const directory = this.lastAttempt()?.checkout?.directory;
    this.effects.jobs.push({
      key: `plan:${plan.id}:cleanup${again}`,
      kind: 'cleanup',
      notify: `plan:${plan.id}`,
      planId: plan.id,
      taskId: this.task.id,
      payload: {
        repositoryId: plan.repositoryId,
        taskId: this.task.id,
        attemptIds: attempts.map((attempt) => attempt.id),
        ...(directory ? { directory } : {}),
      },
    });
  }
}
