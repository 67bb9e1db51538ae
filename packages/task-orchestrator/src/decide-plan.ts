import type { Instant } from 'cyrus-core/clock';
import { type Effects, type Input, type JobEnd, noEffects, priority, type WriteEnd } from 'cyrus-core/domain/effects';
import type { Issue } from 'cyrus-core/domain/issue';
import type { Attempt, CheckoutInfo, Evidence, Plan, PlanMessage, PullRequestRef, Task, Verdict } from 'cyrus-core/domain/plan';
import type { Answer } from 'cyrus-core/domain/session';
import type { Failure } from 'cyrus-core/failure';
import { idOf } from 'cyrus-core/ids';
import { assertMove, isFinal, type PlanState, type TaskState } from 'cyrus-core/states';
import { type AfterAttempt, afterAttempt } from './after-attempt.ts';
import { code, failureAnswer, type Spent, stopAnswer, successAnswer } from './answers.ts';
import type { PlanFinished } from './decide-session.ts';
import { stateOnSuccess } from './issue-state.ts';
import { learnedFrom } from './prompts.ts';
import { action, attachment, type ChecklistStatus, checklist, externalUrls, issueState, type Listener, thought } from './tracker-writes.ts';

/** What the configuration says of the plan's repository. */
export interface PlanSettings {
  /** Configured check commands; null: those found in the base commit. */
  readonly verifyCommands: readonly string[] | null;
  readonly verifyTimeoutMs: number;
  readonly setupCommand: string | null;
  readonly maxAttempts: number;
  /** False when the remote has no code host: the plan ends with a pushed branch. */
  readonly pullRequests: boolean;
  readonly stateOnSuccess: string | undefined;
}

export interface PlanContext {
  readonly plan: Plan;
  readonly issue: Issue;
  readonly task: Task | null;
  /** Every attempt of the task, oldest first. */
  readonly attempts: readonly Attempt[];
  readonly messages: readonly PlanMessage[];
  readonly inputs: readonly Input[];
  /** Sessions of the plan with an open turn. */
  readonly listeners: readonly Listener[];
  /** The session a new plan belongs to before any message of it is stored. */
  readonly settings: PlanSettings;
  readonly spent: Omit<Spent, 'durationMs' | 'attempts'>;
  readonly stopRequested: boolean;
  /** Who asked for it. */
  readonly stopRequestedBy: string | null;
  readonly random: () => number;
}

export interface PlanPatch {
  state: PlanState;
  headSha: string | null;
  startSha: string | null;
  pushedSha: string | null;
  baseBranch: string | null;
  pullRequest: PullRequestRef | null;
  failure: Failure | null;
  answer: Answer | null;
}

export interface TaskPatch {
  state: TaskState;
  attempts: number;
  notBefore: Instant | null;
  learned: string | null;
  headSha: string | null;
  checks: Verdict | null;
  output: string | null;
  failure: Failure | null;
}

export interface PlanDecision {
  readonly plan: PlanPatch;
  /** Null: nothing to store of a task. The first decision of a plan makes it. */
  readonly task: (TaskPatch & { readonly id: string; readonly isNew: boolean; readonly prompt: string }) | null;
  readonly newMessages: readonly PlanMessage[];
  /** Messages up to this number were certainly read by an agent. */
  readonly deliveredThrough: number;
  readonly effects: Effects;
}

/** The payload of an `attempt_finished` input. */
export interface AttemptFinished {
  readonly attemptId: string;
  readonly number: number;
  readonly state: 'succeeded' | 'failed' | 'asked' | 'lost' | 'stopped';
  readonly deliveredN: number;
  readonly failure: Failure | null;
}

interface MergeResult {
  readonly sha?: string;
  readonly fastForward?: boolean;
  readonly conflicts?: readonly string[];
}

/**
 * What a plan does next: makes its task, follows its attempts, verifies, merges, publishes, finishes.
 * Pure; run again with nothing new it decides nothing.
 */
export function decidePlan(context: PlanContext, now: Instant): PlanDecision {
  return new PlanStep(context, now).run();
}

/** One decision in the making: the rows as they will be, and what is wanted besides. */
class PlanStep {
  private readonly context: PlanContext;
  private readonly now: Instant;
  private readonly effects: Effects = noEffects();
  private readonly plan: PlanPatch;
  private readonly task: TaskPatch & { id: string; isNew: boolean; prompt: string };
  private readonly messages: PlanMessage[];
  private readonly newMessages: PlanMessage[] = [];
  private deliveredThrough: number;
  private stopBy: string | null;
  private stopped = false;

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
    };
    this.task = task
      ? { ...task, failure: null, isNew: false }
      : {
          id: idOf(`task:${plan.id}:main`),
          prompt: '',
          state: 'waiting',
          attempts: 0,
          notBefore: null,
          learned: null,
          headSha: null,
          checks: null,
          output: null,
          failure: null,
          isNew: true,
        };
    this.messages = [...context.messages];
    this.deliveredThrough = context.messages.reduce((last, message) => (message.delivered ? Math.max(last, message.n) : last), 0);
  }

  run(): PlanDecision {
    if (!isFinal('plan', this.plan.state)) {
      for (const input of this.context.inputs.filter((candidate) => candidate.kind === 'message')) this.takeMessage(input);
      if (this.plan.state === 'drafting') this.draft();
      for (const input of this.context.inputs) if (!isFinal('plan', this.plan.state)) this.take(input);
      if (this.context.stopRequested && !isFinal('plan', this.plan.state)) this.stop();
    } else for (const input of this.context.inputs) this.afterwards(input);
    return {
      plan: this.plan,
      task: this.task,
      newMessages: this.newMessages,
      deliveredThrough: this.deliveredThrough,
      effects: this.effects,
    };
  }

  /** An ended plan still sees its cleanup through; what that saved is where a later plan goes on. */
  private afterwards(input: Input): void {
    const end = input.payload as unknown as JobEnd;
    if (input.kind !== 'job' || end.kind !== 'cleanup') return;
    const cutOff = end.state === 'lost' || (end.state === 'failed' && end.failure?.class === 'sandbox_lost');
    if (cutOff) return this.cleanup(`:after:${end.jobId}`);
    if (this.plan.state === 'done') return;
    const saved = end.result?.['savedSha'];
    if (typeof saved === 'string') this.plan.headSha = saved;
    const sessions = new Set(this.messages.map((message) => message.sessionId));
    for (const id of sessions)
      this.effects.tells.push({ entity: `session:${id}`, kind: 'saved', payload: { planId: this.context.plan.id } });
  }

  private movePlan(to: PlanState): void {
    assertMove('plan', this.plan.state, to);
    this.effects.events.push({ type: 'plan.state', planId: this.context.plan.id, payload: { from: this.plan.state, to } });
    this.plan.state = to;
  }

  private moveTask(to: TaskState): void {
    assertMove('task', this.task.state, to);
    this.effects.events.push({
      type: 'task.state',
      planId: this.context.plan.id,
      taskId: this.task.id,
      payload: { from: this.task.state, to },
    });
    this.task.state = to;
  }

  private tell(write: (to: Listener) => Effects['writes'][number]): void {
    for (const to of this.context.listeners) this.effects.writes.push(write(to));
  }

  private say(key: string, body: string): void {
    this.tell((to) => thought(to, `plan:${this.context.plan.id}:${key}`, body, this.context.plan.id));
  }

  /** The person's view of where the plan is. */
  private showChecklist(step: 'work' | 'verify' | 'publish' | 'end'): void {
    const { plan, settings } = this.context;
    if (plan.procedure === 'scoper') return;
    const steps = ['work', 'verify', 'publish'] as const;
    const names = {
      work: 'Do the work',
      verify: 'Run the checks',
      publish: settings.pullRequests ? 'Open the pull request' : 'Push the branch',
    };
    const at = step === 'end' ? steps.length : steps.indexOf(step);
    const items = steps.map((name, index) => {
      const status: ChecklistStatus = index < at ? 'completed' : index === at ? 'inProgress' : 'pending';
      return { content: names[name], status };
    });
    this.tell((to) => checklist(to, `plan:${plan.id}:checklist:${step}:${this.task.attempts}`, items, plan.id));
  }

  private lastAttempt(): Attempt | undefined {
    return this.context.attempts.at(-1);
  }

  private draft(): void {
    this.task.prompt = this.context.issue.title;
    this.movePlan('proposed');
    this.movePlan('approved');
    this.movePlan('running');
    this.moveTask('ready');
    this.effects.tells.push({ entity: 'dispatcher:main', kind: 'ready', payload: { taskId: this.task.id } });
  }

  private takeMessage(input: Input): void {
    const { sessionId, seq, authorName, body } = input.payload as {
      sessionId: string;
      seq: number;
      authorName: string | null;
      body: string;
    };
    if (this.messages.some((message) => message.sessionId === sessionId && message.seq === seq)) return;
    const n = (this.messages.at(-1)?.n ?? 0) + 1;
    const message: PlanMessage = { n, sessionId, seq, authorName, body, delivered: false };
    this.messages.push(message);
    this.newMessages.push(message);
    if (this.plan.state === 'drafting') return;
    const attempt = this.lastAttempt();
    if (this.task.state === 'running' && attempt?.state === 'running') {
      this.effects.tells.push({ entity: `attempt:${attempt.id}`, kind: 'steer', payload: { n } });
      this.say(`message:${n}`, 'Passing your message to the agent at work.');
    } else {
      const until = this.task.state === 'verifying' || this.task.state === 'merging' ? 'the checks have ended' : 'it has started';
      this.say(`message:${n}`, `Your message is kept: the agent gets it when ${until}.`);
    }
  }

  private take(input: Input): void {
    switch (input.kind) {
      case 'stop':
        this.stopBy = (input.payload['by'] as string | null) ?? this.stopBy;
        this.stop();
        return;
      case 'attempt_created':
        return this.attemptCreated(input.payload as { attemptId: string; number: number; executorId: string; reason: string });
      case 'attempt_running':
        return this.attemptRunning(input.payload as { attemptId: string; number: number });
      case 'attempt_finished':
        return this.attemptFinished(input.payload as unknown as AttemptFinished);
      case 'waiting':
        return this.say(`waiting:${String(input.payload['key'])}`, String(input.payload['reason']));
      case 'job':
        return this.jobEnded(input.payload as unknown as JobEnd);
      case 'write_delayed': {
        const { kind, failure } = input.payload as unknown as { kind: string; failure: Failure };
        const what = kind === 'push' ? 'The branch cannot be pushed yet' : 'The pull request cannot be opened yet';
        return this.say(
          `delayed:${kind}:${failure.class}`,
          `${what}: ${failure.message} It is tried again by itself.${failure.fix ? ` ${failure.fix}` : ''}`,
        );
      }
      case 'write':
        return this.writeEnded(input.payload as unknown as WriteEnd);
    }
  }

  private attemptCreated(created: { attemptId: string; number: number; executorId: string; reason: string }): void {
    if (this.task.state !== 'ready' || created.number !== this.task.attempts + 1) return;
    this.task.attempts = created.number;
    this.task.notBefore = null;
    this.moveTask('assigned');
    if (created.number === 1) this.showChecklist('work');
    this.say(
      `assigned:${created.number}`,
      `${created.number === 1 ? 'Starting' : `Attempt ${created.number}`} on **${created.executorId}** (${created.reason}).`,
    );
  }

  private attemptRunning(running: { attemptId: string; number: number }): void {
    if (this.task.state !== 'assigned' || running.number !== this.task.attempts) return;
    this.moveTask('running');
    const attempt = this.lastAttempt();
    for (const message of this.messages)
      if (attempt && message.n > Math.max(attempt.messageN, attempt.steeredN))
        this.effects.tells.push({ entity: `attempt:${attempt.id}`, kind: 'steer', payload: { n: message.n } });
  }

  private attemptFinished(finished: AttemptFinished): void {
    if (finished.number !== this.task.attempts || !['assigned', 'running'].includes(this.task.state)) return;
    const attempt = this.context.attempts.find((candidate) => candidate.id === finished.attemptId);
    if (!attempt) return;
    this.deliveredThrough = Math.max(this.deliveredThrough, finished.deliveredN);
    if (attempt.checkout) this.startedFrom(attempt.checkout);
    if (attempt.output) this.task.output = attempt.output;
    const next = afterAttempt(
      {
        procedure: this.context.plan.procedure,
        followUp: this.context.plan.follows !== null,
        attempts: this.context.attempts,
        finished,
        attempt,
        undelivered: this.messages.filter((message) => message.n > this.deliveredThrough).length,
        maxAttempts: this.context.settings.maxAttempts,
        random: this.context.random,
      },
      this.now,
    );
    this.follow(next, attempt);
  }

  /** Where the work really began: not at what was pushed before, when that has been merged and its branch is gone. */
  private startedFrom(checkout: CheckoutInfo): void {
    this.plan.baseBranch ??= checkout.baseBranch;
    const moved = this.plan.startSha !== null && this.plan.startSha !== checkout.startSha && this.plan.headSha === this.plan.startSha;
    if (moved && this.task.attempts === 1) {
      this.plan.headSha = checkout.startSha;
      this.plan.pushedSha = null;
      this.plan.startSha = checkout.startSha;
    }
    this.plan.startSha ??= checkout.startSha;
  }

  private follow(next: AfterAttempt, attempt: Attempt): void {
    switch (next.do) {
      case 'stop':
        return this.stop();
      case 'again':
        this.again(next.learned, next.notBefore);
        if (next.say) this.say(`again:${attempt.number}`, next.say);
        return;
      case 'fail':
        return this.fail(next.failure);
      case 'answer':
        if (this.task.state === 'assigned') this.moveTask('running');
        this.moveTask('verifying');
        this.moveTask('merging');
        this.moveTask('done');
        this.movePlan('verifying');
        return this.finishDone(null);
      case 'verify':
        if (this.task.state === 'assigned') this.moveTask('running');
        this.moveTask('verifying');
        this.task.headSha = attempt.headSha;
        return this.verify(attempt);
    }
  }

  private again(learned: string | null, notBefore: Instant | null): void {
    this.moveTask('ready');
    this.task.learned = learned;
    this.task.notBefore = notBefore;
    this.effects.tells.push({ entity: 'dispatcher:main', kind: 'ready', payload: { taskId: this.task.id } });
    if (notBefore) this.effects.wakes.push({ entity: 'dispatcher:main', at: notBefore });
  }

  private verify(attempt: Attempt): void {
    const { settings, plan } = this.context;
    const commands = settings.verifyCommands ?? attempt.checkout?.detected?.commands ?? [];
    if (commands.length === 0) {
      const reason = settings.verifyCommands
        ? 'the configuration names no check command'
        : 'no check command was found in the repository; set verify.commands';
      return this.verified({ verdict: 'not_run', reason, checks: [] });
    }
    this.showChecklist('verify');
    const source = settings.verifyCommands ? 'from the configuration' : `found in ${attempt.checkout?.detected?.from}`;
    this.tell((to) =>
      action(
        to,
        `plan:${plan.id}:verify:${attempt.number}`,
        'Running the checks',
        `${commands.map(code).join(', ')} (${source}), on a clean checkout of ${code(attempt.headSha?.slice(0, 10) ?? '')}`,
        plan.id,
      ),
    );
    this.verifyJob(attempt.headSha ?? '', commands);
  }

  private verifyJob(sha: string, commands: readonly string[]): void {
    const { plan, settings } = this.context;
    this.effects.jobs.push({
      key: `task:${this.task.id}:verify:${sha}:${this.now}`,
      kind: 'verify',
      notify: `plan:${plan.id}`,
      planId: plan.id,
      taskId: this.task.id,
      payload: {
        repositoryId: plan.repositoryId,
        taskId: this.task.id,
        sha,
        commands,
        timeoutMs: settings.verifyTimeoutMs,
        ...(settings.setupCommand ? { setup: { command: settings.setupCommand } } : {}),
      },
    });
  }

  private jobEnded(end: JobEnd): void {
    if (end.kind === 'verify' && this.task.state === 'verifying') {
      if (end.state === 'lost') {
        const attempt = this.lastAttempt();
        const commands = this.context.settings.verifyCommands ?? attempt?.checkout?.detected?.commands ?? [];
        return this.verifyJob(this.task.headSha ?? '', commands);
      }
      if (end.state === 'killed') return;
      if (end.state === 'failed')
        return this.verified({ verdict: 'not_run', reason: end.failure?.message ?? 'the checks could not be run', checks: [] });
      return this.verified(end.result as unknown as Verdict);
    }
    if (end.kind === 'merge' && this.task.state === 'merging') {
      if (end.state === 'lost') return this.merge();
      if (end.state === 'killed') return;
      if (end.state === 'failed' && end.failure) return this.fail(end.failure);
      return this.merged((end.result ?? {}) as MergeResult);
    }
  }

  private verified(verdict: Verdict): void {
    this.task.checks = verdict;
    const undelivered = this.messages.some((message) => message.n > this.deliveredThrough);
    if (undelivered) return this.again(null, null);
    if (verdict.verdict === 'failed') {
      const failed = this.context.attempts.filter((attempt) => attempt.state === 'succeeded').length;
      const bad = verdict.checks.find((check) => check.exitCode !== 0);
      const label = bad ? code(bad.command) : 'A check';
      if (failed < this.context.settings.maxAttempts) {
        this.say(`checks:${this.task.attempts}`, `${label} failed on the committed work. The agent gets the output and tries again.`);
        return this.again(learnedFrom.checks(`$ ${bad?.command ?? ''}\n${bad?.output.slice(-6000) ?? ''}`), null);
      }
      return this.fail({
        class: 'checks_failed',
        message: `${label} still fails after ${failed} ${failed === 1 ? 'attempt' : 'attempts'}.`,
        fix: 'Say here what to change, or fix the checks, and write here to try again.',
      });
    }
    this.moveTask('merging');
    this.merge();
  }

  private merge(): void {
    const { plan, issue } = this.context;
    this.effects.jobs.push({
      key: `task:${this.task.id}:merge:${this.task.headSha}:${this.now}`,
      kind: 'merge',
      notify: `plan:${plan.id}`,
      planId: plan.id,
      taskId: this.task.id,
      payload: {
        repositoryId: plan.repositoryId,
        into: this.plan.headSha ?? this.plan.startSha,
        head: this.task.headSha,
        message: `Merge ${issue.identifier}`,
      },
    });
  }

  private merged(result: MergeResult): void {
    if (!result.sha) {
      const paths = (result.conflicts ?? []).slice(0, 5).join(', ');
      return this.fail({
        class: 'conflict',
        message: `The work conflicts with its branch in ${paths}.`,
        fix: 'Write here to have it redone on the current branch.',
      });
    }
    this.plan.headSha = result.sha;
    this.moveTask('done');
    this.movePlan('verifying');
    this.publish();
  }

  private publish(): void {
    const { plan, settings } = this.context;
    this.showChecklist('publish');
    this.effects.writes.push({
      key: `plan:${plan.id}:push:${this.plan.headSha}`,
      credential: 'git',
      lane: `git:${plan.repositoryId}:${plan.branch}`,
      priority: priority.state,
      kind: 'push',
      payload: { kind: 'push', repositoryId: plan.repositoryId, sha: this.plan.headSha, branch: plan.branch, lease: plan.pushedSha },
      planId: plan.id,
      notify: `plan:${plan.id}`,
    });
    if (!settings.pullRequests) return;
    this.effects.events.push({ type: 'plan.publishing', planId: plan.id, payload: { branch: plan.branch, sha: this.plan.headSha } });
  }

  private writeEnded(end: WriteEnd): void {
    if (this.plan.state !== 'verifying') return;
    if (end.kind === 'push') {
      if (end.state === 'rejected') {
        const failure = end.failure ?? { class: 'conflict', message: 'The branch could not be pushed.' };
        return this.fail({ ...failure, fix: failure.fix ?? 'Look at the branch on the remote, then write here to try again.' });
      }
      this.plan.pushedSha = this.plan.headSha;
      return this.context.settings.pullRequests ? this.openPullRequest() : this.finishDone(null);
    }
    if (end.kind === 'pull-request') {
      if (end.state === 'rejected')
        return this.fail(end.failure ?? { class: 'invalid_request', message: 'The pull request could not be opened.' });
      const { number, url, none } = end.result as unknown as PullRequestRef & { readonly none?: string };
      if (none) {
        this.say('no-pull-request', `${none} The work ends with the pushed branch.`);
        return this.finishDone(null);
      }
      this.plan.pullRequest = { number, url };
      this.finishDone({ number, url });
    }
  }

  private openPullRequest(): void {
    const { plan, issue } = this.context;
    const summary = this.task.output?.trim().slice(0, 20_000) ?? '';
    const reference = issue.url ? `[${issue.identifier}](${issue.url})` : issue.identifier;
    this.effects.writes.push({
      key: `plan:${plan.id}:pull-request`,
      credential: 'github',
      lane: `pr:${plan.id}`,
      priority: priority.state,
      kind: 'pull-request',
      payload: {
        kind: 'pull-request',
        repositoryId: plan.repositoryId,
        head: plan.branch,
        base: this.plan.baseBranch,
        title: `${issue.identifier}: ${issue.title}`,
        body: `${summary}\n\nFor ${reference}.`,
        marker: plan.id,
      },
      planId: plan.id,
      notify: `plan:${plan.id}`,
    });
  }

  /** What the plan changed, by the attempts that brought work in. */
  private evidence(): Evidence | null {
    return [...this.context.attempts].reverse().find((attempt) => attempt.evidence && attempt.evidence.files.length > 0)?.evidence ?? null;
  }

  private spent(): Spent {
    return { ...this.context.spent, durationMs: this.now - this.context.plan.createdAt, attempts: this.context.attempts.length };
  }

  private finishDone(pullRequest: PullRequestRef | null): void {
    const { plan, issue } = this.context;
    const published = this.plan.pushedSha !== null && this.plan.pushedSha === this.plan.headSha;
    const answer = successAnswer({
      output: this.task.output ?? '',
      branch: published ? plan.branch : null,
      pullRequest: pullRequest ?? (published ? this.plan.pullRequest : null),
      evidence: published ? this.evidence() : null,
      checks: published ? this.task.checks : null,
      spent: this.spent(),
    });
    if (pullRequest) {
      this.tell((to) =>
        externalUrls(to, `plan:${plan.id}:urls`, [{ label: `Pull request #${pullRequest.number}`, url: pullRequest.url }], plan.id),
      );
      const [first] = this.context.listeners;
      if (first) {
        this.effects.writes.push(
          attachment(first, `plan:${plan.id}:attachment`, issue.id, `Pull request #${pullRequest.number}`, pullRequest.url, plan.id),
        );
        const target = stateOnSuccess(issue, this.context.settings.stateOnSuccess);
        if (target) this.effects.writes.push(issueState(first, `plan:${plan.id}:success`, issue.id, target.id, plan.id));
      }
      this.showChecklist('end');
    }
    this.finish('done', answer);
  }

  private fail(failure: Failure): void {
    if (!isFinal('task', this.task.state)) this.moveTask('failed');
    this.task.failure = failure;
    this.plan.failure = failure;
    const answer = failureAnswer({ failure, output: this.task.output, checks: this.task.checks, kept: this.kept(), spent: this.spent() });
    this.finish('failed', answer);
  }

  private stop(): void {
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
    this.finish('stopped', stopAnswer(this.stopBy, this.kept()));
  }

  private kept(): string | null {
    if (this.plan.pushedSha && this.plan.pushedSha === this.plan.headSha) return `branch ${code(this.context.plan.branch)} on the remote`;
    const attempt = [...this.context.attempts]
      .reverse()
      .find((candidate) => candidate.headSha && candidate.evidence && candidate.evidence.commits.length > 0);
    return attempt ? `the work so far, in the mirror as ${code(`refs/cyrus/wip/${attempt.id}`)}; the next run goes on from it` : null;
  }

  private finish(state: 'done' | 'failed' | 'stopped', answer: Answer): void {
    const { plan } = this.context;
    this.movePlan(state);
    this.plan.answer = answer;
    if (state !== 'done') {
      const kept = [...this.context.attempts].reverse().find((attempt) => attempt.headSha)?.headSha;
      if (kept) this.plan.headSha = kept;
    }
    const sessions = new Map<string, number>();
    for (const message of this.messages) {
      const dealtWith = state !== 'done' || message.n <= this.deliveredThrough ? message.seq : 0;
      sessions.set(message.sessionId, Math.max(sessions.get(message.sessionId) ?? 0, dealtWith));
    }
    for (const [sessionId, through] of sessions) {
      const payload: PlanFinished = { planId: plan.id, state, through, answer };
      this.effects.tells.push({ entity: `session:${sessionId}`, kind: 'plan_finished', payload: { ...payload } });
    }
    this.cleanup();
    this.effects.tells.push({ entity: 'dispatcher:main', kind: 'ended', payload: { planId: plan.id } });
  }

  private cleanup(again = ''): void {
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
