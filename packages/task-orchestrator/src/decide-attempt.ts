import type { Instant } from 'cyrus-core/clock';
import { type JobEnd, type JobKind, noEffects } from 'cyrus-core/domain/effects';
import type { AgentQuestion, CheckoutInfo, Evidence } from 'cyrus-core/domain/plan';
import type { Failure } from 'cyrus-core/failure';
import { type AttemptState, assertMove, isFinal } from 'cyrus-core/states';
import type { ExecutionRequest, RunRef, RunResult } from 'cyrus-executor-interface/executor';
import type { AttemptContext, AttemptDecision, AttemptSettings } from './attempt-context.ts';
import { tellProgress } from './attempt-progress.ts';
import { setupEnded, setupOf, tellCheckout, tellSetup } from './attempt-setup.ts';
import { isDocumentation } from './documentation.ts';
import type { AttemptFinished } from './plan-context.ts';
import { renderPrompt, steeringText } from './prompts.ts';

/** What an attempt does next: prepare, set up, run, collect, end. Pure. A stop wins over a finish in the same batch. */
export function decideAttempt(context: AttemptContext, now: Instant): AttemptDecision {
  const { attempt, plan, task } = context;
  const effects = noEffects();
  const row = {
    state: attempt.state,
    checkout: attempt.checkout,
    runRef: null as RunRef | null,
    messageN: attempt.messageN,
    steeredN: attempt.steeredN,
    deliveredN: attempt.deliveredN,
    headSha: attempt.headSha,
    evidence: attempt.evidence,
    output: attempt.output,
    failure: attempt.failure,
    interruption: attempt.interruption,
    killJobs: false,
    progressAt: attempt.progressAt,
    conversationStarted: context.conversation.started,
    ended: false,
  };
  const jobMessages: { jobId: string; n: number; body: string }[] = [];

  const move = (to: AttemptState): void => {
    assertMove('attempt', row.state, to);
    effects.events.push({
      type: 'attempt.state',
      planId: plan.id,
      taskId: task.id,
      attemptId: attempt.id,
      payload: { from: row.state, to },
    });
    row.state = to;
  };
  const job = (kind: JobKind, payload: Record<string, unknown>): void => {
    effects.jobs.push({
      key: `attempt:${attempt.id}:${kind}`,
      kind,
      notify: `attempt:${attempt.id}`,
      planId: plan.id,
      taskId: task.id,
      attemptId: attempt.id,
      payload: { repositoryId: plan.repositoryId, taskId: task.id, attemptId: attempt.id, ...payload },
    });
  };
  const end = (to: 'succeeded' | 'failed' | 'asked' | 'lost' | 'stopped'): void => {
    move(to);
    row.ended = true;
    const payload: AttemptFinished = {
      attemptId: attempt.id,
      number: attempt.number,
      state: to,
      deliveredN: row.deliveredN,
      failure: row.failure,
      interruption: row.interruption,
    };
    effects.tells.push({ entity: `plan:${plan.id}`, kind: 'attempt_finished', payload: { ...payload } });
    effects.tells.push({ entity: 'dispatcher:main', kind: 'ended', payload: { attemptId: attempt.id } });
  };
  const fail = (failure: Failure): void => {
    row.failure = failure;
    end('failed');
  };
  const startAgent = (checkout: CheckoutInfo): void => {
    const last = context.messages.at(-1)?.n ?? 0;
    row.messageN = last;
    const { system, prompt } = renderPrompt({
      procedure: task.procedure,
      issue: context.issue,
      messages: context.messages.filter((message) => !message.command).sort((a, b) => a.at - b.at || a.n - b.n),
      guidance: context.guidance,
      checks: context.settings.verifyCommands ?? checkout.detected?.commands ?? [],
      learned: task.learned,
      followUp: plan.follows !== null,
      repositoryId: plan.repositoryId,
      branch: plan.branch,
      baseBranch: checkout.baseBranch,
      notes: checkout.context,
      instructions: context.settings.instructions,
      attached: checkout.attached ?? null,
      documentationPaths: context.settings.documentationPaths,
      template: checkout.template?.text ?? null,
    });
    const request: ExecutionRequest = {
      prompt,
      systemContext: system,
      conversation: { id: context.conversation.id, resume: context.conversation.started, directory: context.conversation.directory },
      workingDirectory: checkout.directory,
      readable: checkout.readable,
      ...optional('model', context.settings.model),
      ...optional('fallbackModel', context.settings.fallbackModel),
      ...(task.procedure === 'scoper' ? { readOnly: true } : {}),
      ...(task.procedure === 'documentation' ? { editable: context.settings.documentationPaths } : {}),
      ...optional('allowedTools', context.settings.allowedTools),
      disallowedTools: context.settings.disallowedTools,
      ...optional('maxCost', context.settings.maxCost),
      timeoutMs: context.settings.timeoutMs,
    };
    job('agent', { executorId: attempt.executorId, request, key: { attemptId: attempt.id, number: attempt.number } });
  };

  const told = { attemptId: attempt.id, planId: plan.id, taskId: task.id, listeners: context.listeners, effects };
  const ended = (jobEnd: JobEnd): void => {
    const paused = row.interruption?.kind === 'pause';
    const agentRan = jobEnd.kind === 'agent' && row.state === 'running';
    if (jobEnd.state === 'killed' && !(paused && agentRan)) return end('stopped');
    switch (jobEnd.kind) {
      case 'prepare': {
        if (row.state !== 'starting') return;
        if (jobEnd.state === 'lost') return end('lost');
        if (jobEnd.state === 'failed') return fail(jobEnd.failure ?? { class: 'setup_failed', message: 'The checkout could not be made.' });
        const checkout = jobEnd.result as unknown as CheckoutInfo;
        row.checkout = checkout;
        tellCheckout(told, checkout);
        const setup = setupOf(context.settings.setup, checkout);
        if (!setup) return startAgent(checkout);
        tellSetup(told, setup.shown);
        return job('setup', setup.payload);
      }
      case 'setup': {
        if (row.state !== 'starting' || !row.checkout) return;
        if (jobEnd.state === 'lost') return end('lost');
        const shown = setupOf(context.settings.setup, row.checkout)?.shown ?? 'setup';
        const failure = setupEnded(told, shown, jobEnd);
        if (failure) return fail(failure);
        return startAgent(row.checkout);
      }
      case 'agent': {
        if (row.state !== 'running' && row.state !== 'starting' && row.state !== 'start_unknown') return;
        if (jobEnd.state === 'lost') return end('lost');
        const started = row.state === 'running';
        const { result, lastDelivered, question } = (jobEnd.result ?? {}) as {
          result?: RunResult;
          lastDelivered?: number;
          question?: AgentQuestion;
        };
        if (started) row.deliveredN = Math.max(row.deliveredN, row.messageN, lastDelivered ?? 0, result?.lastDelivered ?? 0);
        row.output = result?.output || row.output;
        if (jobEnd.state === 'killed') {
          move('collecting');
          return job('collect', { directory: row.checkout?.directory, baseSha: row.checkout?.startSha });
        }
        // The agent was faster than the pause: its work counts, and waits.
        row.interruption = question && result?.state === 'succeeded' ? { kind: 'question', ...question } : null;
        if (result?.state === 'cancelled') return end('stopped');
        const failure = ofModel(jobEnd.failure ?? result?.failure ?? null, context.settings);
        if (!started && failure) return fail(failure);
        if (!started) move('running');
        row.failure =
          result?.state === 'succeeded' ? null : (failure ?? { class: 'agent_failed', message: 'The agent ended without success.' });
        move('collecting');
        return job('collect', { directory: row.checkout?.directory, baseSha: row.checkout?.startSha });
      }
      case 'collect': {
        if (row.state !== 'collecting') return;
        if (jobEnd.state === 'lost') return end('lost');
        const collected = (jobEnd.result ?? {}) as { headSha?: string; evidence?: Evidence };
        row.headSha = collected.headSha ?? null;
        row.evidence = collected.evidence ?? null;
        if (row.interruption) return end(row.interruption.kind === 'question' ? 'asked' : 'stopped');
        if (row.failure) return end('failed');
        if (jobEnd.state === 'failed')
          return fail(jobEnd.failure ?? { class: 'sandbox_lost', message: 'The work could not be collected.' });
        const others = task.procedure === 'documentation' ? notDocumentation(row.evidence, context.settings.documentationPaths) : null;
        if (others) return fail(others);
        return end('succeeded');
      }
      default:
        return;
    }
  };

  if (isFinal('attempt', attempt.state)) return { ...row, jobMessages, effects };

  const stop = context.stopRequested || isFinal('plan', plan.state) || context.inputs.some((input) => input.kind === 'stop');
  const running = context.inputs.find((input) => input.kind === 'job_started');
  if (stop) {
    const jobOver = context.inputs.some((input) => input.kind === 'job');
    if (attempt.state === 'reserved' || jobOver) end('stopped');
    return { ...row, jobMessages, effects };
  }

  if (context.inputs.some((input) => input.kind === 'pause') && ['reserved', 'starting', 'running'].includes(attempt.state)) {
    row.interruption = { kind: 'pause' };
    row.killJobs = true;
    if (attempt.state === 'reserved') end('stopped');
  }
  if (row.state === 'reserved') {
    move('starting');
    job('prepare', {
      branch: plan.branch,
      baseBranch: plan.baseBranch ?? context.settings.baseBranch ?? undefined,
      startFrom: plan.startSha ? { sha: plan.startSha } : null,
      ...(plan.pushedSha && attempt.number === 1 ? { wasPushed: true } : {}),
      reuse: attempt.number > 1,
      issue: context.issue.identifier,
      procedure: task.procedure,
      ...(context.earlier?.headSha ? { lastWork: { attemptId: context.earlier.id, sha: context.earlier.headSha } } : {}),
    });
  }
  if (running && row.state === 'starting') {
    move('running');
    row.runRef = (running.payload['runRef'] as RunRef | undefined) ?? null;
    row.conversationStarted = true;
    effects.tells.push({ entity: `plan:${plan.id}`, kind: 'attempt_running', payload: { attemptId: attempt.id, number: attempt.number } });
  }
  for (const input of context.inputs) {
    if (input.kind === 'delivered') row.deliveredN = Math.max(row.deliveredN, row.messageN, Number(input.payload['n']));
    if (input.kind === 'steer' && row.state === 'running' && context.agentJob) {
      const message = context.messages.find((candidate) => candidate.n === input.payload['n']);
      if (message && message.n > Math.max(row.steeredN, row.messageN)) {
        jobMessages.push({ jobId: context.agentJob, n: message.n, body: steeringText(message) });
        row.steeredN = message.n;
      }
    }
  }
  for (const input of context.inputs) if (input.kind === 'job' && !isFinal('attempt', row.state)) ended(input.payload as unknown as JobEnd);

  if (row.state === 'running') row.progressAt = tellProgress(context, row.progressAt, now, effects);
  return { ...row, jobMessages, effects };
}

/** The failure of a documentation task that changed something else. */
function notDocumentation(evidence: Evidence | null, allowed: readonly string[]): Failure | null {
  const others = (evidence?.files ?? []).map((file) => file.path).filter((path) => !isDocumentation(path, allowed));
  if (others.length === 0) return null;
  const listed = `${others.slice(0, 5).join(', ')}${others.length > 5 ? ` and ${others.length - 5} more` : ''}`;
  return {
    class: 'agent_failed',
    message: `A documentation task may change only ${allowed.join(', ')}; it also changed ${listed}. Undo that and commit.`,
    fix: 'Give the issue another label if code is to be changed, or set documentationPaths of the repository.',
  };
}

/** Says where a model that the API does not know was named. */
function ofModel(failure: Failure | null, { model, modelFrom }: AttemptSettings): Failure | null {
  if (failure?.class !== 'invalid_request' || !model || !modelFrom || !failure.message.includes(model)) return failure;
  return {
    class: 'invalid_request',
    message: `The model ${model}, named by ${modelFrom}, cannot be used. ${failure.message}`,
    fix: `Correct ${modelFrom}, or take it out; then write here to try again.`,
  };
}

function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]?: V });
}
