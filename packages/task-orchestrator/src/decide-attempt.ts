import type { Instant } from 'cyrus-core/clock';
import { type JobEnd, type JobKind, noEffects } from 'cyrus-core/domain/effects';
import type { AgentQuestion, AttemptRun, CheckoutInfo, Evidence } from 'cyrus-core/domain/plan';
import type { Failure } from 'cyrus-core/failure';
import { type AttemptState, assertMove, isFinal } from 'cyrus-core/states';
import type { ExecutionRequest, RunRef, RunResult } from 'cyrus-executor-interface/executor';
import type { AttemptContext, AttemptDecision, AttemptSettings } from './attempt-context.ts';
import { tellProgress } from './attempt-progress.ts';
import {
  abandoned,
  agentJobKey,
  attachedElsewhere,
  collectRemote,
  hunted,
  pushStart,
  type RunEnd,
  type RunOrder,
  remoteWork,
  runBranch,
  say,
  startUnknown,
  tellRun,
  tellStop,
  unconfirmed,
  waitsForPush,
} from './attempt-run.ts';
import { setupEnded, setupOf, tellCheckout, tellSetup } from './attempt-setup.ts';
import { isDocumentation } from './documentation.ts';
import type { AttemptFinished } from './plan-context.ts';
import { renderPrompt, steeringText } from './prompts.ts';

/** So long after its start the work of a run elsewhere is fetched, if its remote is away; each try waits for some minutes itself. */
const longestAwayMs = 24 * 3_600_000;

/**
 * What an attempt does next: prepare, set up, run, collect, end. Pure. A stop wins over a finish in the same batch. (Long because it is one
 * decision: runs here and runs elsewhere go through the same states.)
 */
export function decideAttempt(context: AttemptContext, now: Instant): AttemptDecision {
  const { attempt, plan, task } = context;
  const effects = noEffects();
  const row = {
    state: attempt.state,
    checkout: attempt.checkout,
    runRef: null as RunRef | null,
    run: attempt.run ?? null,
    conversationRef: null as RunRef | null,
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
  const { executor } = context.settings;
  // Whatever has become of the configuration since: what began elsewhere is elsewhere.
  const cloud = executor?.kind === 'cloud' || attempt.checkout?.remote !== undefined;
  const refOf = (): RunRef | null => row.runRef ?? attempt.runRef ?? null;
  /** The work of the run is being fetched: what still asks for it only wants to stop it. */
  const isHunter = ({ kind }: JobEnd): boolean => kind === 'agent' && attempt.state === 'collecting';

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
  const job = (kind: JobKind, payload: object, key = `attempt:${attempt.id}:${kind}`): void => {
    effects.jobs.push({
      key,
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
      unconfirmedStop:
        to === 'stopped'
          ? unconfirmed(attempt.executorId, row.run?.stop, refOf()?.url, context.settings.executor?.capabilities.cancel === 'pr')
          : null,
    };
    effects.tells.push({ entity: `plan:${plan.id}`, kind: 'attempt_finished', payload: { ...payload } });
    effects.tells.push({ entity: 'dispatcher:main', kind: 'ended', payload: { attemptId: attempt.id } });
  };
  const fail = (failure: Failure): void => {
    row.failure = failure;
    end('failed');
  };
  const noteRun = (patch: Partial<AttemptRun>): void => {
    row.run = { jobs: 0, ...row.run, ...patch };
  };
  const agentJob = (payload: { readonly request?: ExecutionRequest; readonly order?: RunOrder }): void => {
    const jobs = (row.run?.jobs ?? 0) + 1;
    noteRun({ jobs });
    const { executorId, id: attemptId, number } = attempt;
    const { timeoutMs } = context.settings;
    job('agent', { executorId, key: { attemptId, number }, timeoutMs, ...payload }, agentJobKey(attemptId, jobs));
  };
  /** A run that may be there, or turn up, is stopped; not as a part of the plan, whose stop would end that, too. */
  const hunt = (until: Instant): void => {
    const ref = refOf();
    agentJob({ order: { do: 'hunt', until, ...(ref ? { ref } : {}) } });
    effects.jobs.push(...effects.jobs.splice(-1).map(({ planId: _, ...free }) => free));
    noteRun({ huntUntil: until });
  };
  /** Nobody knows whether the run began. */
  const lookForRun = (withinMs: number): void => {
    const until = row.run?.lookUntil ?? now + withinMs;
    noteRun({ lookUntil: until });
    if (row.state === 'starting') {
      move('start_unknown');
      say(context, effects, 'start-unknown', `**${attempt.executorId}** has not said whether the run began. Looking for it.`);
    }
    if (context.settings.executor?.capabilities.idempotentCreate && row.checkout) startAgent(row.checkout, { do: 'insist', until });
    else agentJob({ order: { do: 'find', until } });
  };
  const startAgent = (checkout: CheckoutInfo, order?: RunOrder): void => {
    const remote = remoteWork(checkout);
    // A run that may be there already is asked for with the words it was begun with; later ones are handed to it as it runs.
    const messages = order ? context.messages.filter(({ n }) => n <= row.messageN) : context.messages;
    row.messageN = messages.at(-1)?.n ?? 0;
    const { system, prompt } = renderPrompt({
      procedure: task.procedure,
      issue: context.issue,
      messages: messages.filter((message) => !message.command).sort((a, b) => a.at - b.at || a.n - b.n),
      guidance: context.guidance,
      checks: context.settings.verifyCommands ?? checkout.detected?.commands ?? [],
      learned: task.learned,
      followUp: plan.follows !== null,
      repositoryId: plan.repositoryId,
      branch: plan.branch,
      baseBranch: checkout.baseBranch,
      notes: checkout.context,
      instructions: context.settings.instructions,
      attached: remote ? attachedElsewhere(checkout.attached) : (checkout.attached ?? null),
      remote: remote ?? null,
      documentationPaths: context.settings.documentationPaths,
      template: checkout.template?.text ?? null,
    });
    const request: ExecutionRequest = {
      prompt,
      systemContext: system,
      conversation: {
        id: context.conversation.id,
        resume: context.conversation.started,
        directory: context.conversation.directory,
        ...(context.conversation.ref ? { ref: context.conversation.ref } : {}),
      },
      workingDirectory: checkout.directory,
      ...(remote ? { remote } : {}),
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
    agentJob({ request, ...(order ? { order } : {}) });
  };
  const elsewhere = (checkout: CheckoutInfo): object =>
    collectRemote(context, checkout, { ref: refOf(), run: row.run, ended: row.failure === null && row.interruption === null });
  const collect = (result?: RunResult): void => {
    move('collecting');
    if (cloud && row.checkout) {
      const { branch, pullRequestUrl } = result ?? {};
      noteRun({ ...optional('branch', branch), ...optional('pullRequestUrl', pullRequestUrl) });
      return job('collect', elsewhere(row.checkout));
    }
    job('collect', { directory: row.checkout?.directory, baseSha: row.checkout?.startSha });
  };
  const collectAgain = (checkout: CheckoutInfo, after: string): void =>
    job('collect', elsewhere(checkout), `attempt:${attempt.id}:collect:after:${after}`);
  /** The work is there, and the way to it is broken: no fault of the executor, and nothing that another run would mend. */
  const notFetched = (failure: Failure, checkout: CheckoutInfo, jobId: string): void => {
    const passes = ['network', 'rate_limited', 'timeout'].includes(failure.class) && now - (attempt.startedAt ?? now) < longestAwayMs;
    if (!passes) return fail(failure.class === 'auth' ? { ...failure, class: 'invalid_request' } : failure);
    say(context, effects, 'not-fetched', `The run has ended, and its work cannot be fetched yet: ${failure.message} It is tried again.`);
    collectAgain(checkout, jobId);
  };
  /** What the end of an agent job says of the stop of its run; the run may be alive if it says nothing. */
  const noteStop = (jobEnd: JobEnd): void => {
    const { stop, result } = (jobEnd.result ?? {}) as RunEnd;
    const outcome = stop ?? result?.failure?.stopped;
    if (!cloud || jobEnd.kind !== 'agent') return;
    const refused = jobEnd.state === 'failed' && jobEnd.failure?.ambiguous !== true;
    // It had ended by itself, or had never begun.
    if (outcome === undefined && (result || refused)) return;
    noteRun({ stop: outcome ?? 'unknown' });
    tellStop(context, outcome ?? 'unknown', refOf(), effects);
    // A run that is known is gone on with after a pause.
    const goesOn = row.interruption?.kind === 'pause' && refOf() !== null;
    const later = outcome === 'unsupported' && context.settings.executor?.capabilities.cancel === 'pr';
    if ((outcome === undefined || later) && !goesOn) hunt(now + context.settings.cloud.lateRunMs);
  };

  /** The job that followed the run was cut off; the run was not. */
  const followOn = (): void => {
    const ref = refOf();
    const { cloud: waits, timeoutMs } = context.settings;
    // It may have been cut off in the middle of the start, whose own time is not over then.
    if (!ref || row.state !== 'running') return lookForRun(2 * waits.lookForMs);
    agentJob({ order: { do: 'attach', ref, deadline: (attempt.startedAt ?? now) + timeoutMs } });
  };
  /** Its executor was taken out of the configuration: nobody can ask for the run. What it has pushed is taken; it is stopped if the executor comes back. */
  const abandon = (jobEnd: JobEnd): void => {
    const ref = refOf();
    const began = ref !== null || row.state === 'start_unknown' || jobEnd.state === 'lost';
    const failure = abandoned(attempt.executorId, ref, began);
    if (!began) return fail(failure);
    say(context, effects, 'abandoned', `${failure.message} ${failure.fix}`);
    noteRun({ stop: 'unknown' });
    tellStop(context, 'unknown', ref, effects);
    const { cloud: waits, timeoutMs } = context.settings;
    hunt(Math.max(now + waits.lateRunMs, (attempt.startedAt ?? now) + timeoutMs));
    if (row.state !== 'running') return fail(failure);
    row.failure = failure;
    collect();
  };
  const hunterEnded = (jobEnd: JobEnd): void => {
    const { huntUntil } = row.run ?? {};
    if (jobEnd.state === 'lost' && huntUntil !== undefined && now < huntUntil) hunt(huntUntil);
    else noteRun(hunted(context, jobEnd, effects));
  };
  /** The run did not begin, or nobody knows whether it did. */
  const notStarted = (failure: Failure): void => {
    const { lookForMs, lateRunMs } = context.settings.cloud;
    const { ambiguous = false, ...certain } = ofModel(failure, context.settings) ?? failure;
    if (row.state === 'starting') return ambiguous ? lookForRun(lookForMs) : fail(certain);
    // Looked for in vain; should it turn up after all, it is stopped.
    hunt(now + lateRunMs);
    fail(ambiguous ? startUnknown(attempt.executorId, certain) : certain);
  };

  const told = { attemptId: attempt.id, planId: plan.id, taskId: task.id, listeners: context.listeners, effects };
  const ended = (jobEnd: JobEnd): void => {
    const paused = row.interruption?.kind === 'pause';
    const agentRan = jobEnd.kind === 'agent' && row.state === 'running';
    if (isHunter(jobEnd)) return hunterEnded(jobEnd);
    if (jobEnd.state === 'killed') noteStop(jobEnd);
    if (jobEnd.state === 'killed' && !(paused && agentRan)) return end('stopped');
    switch (jobEnd.kind) {
      case 'prepare': {
        if (row.state !== 'starting') return;
        if (jobEnd.state === 'lost') return end('lost');
        if (jobEnd.state === 'failed') return fail(jobEnd.failure ?? { class: 'setup_failed', message: 'The checkout could not be made.' });
        const checkout = jobEnd.result as unknown as CheckoutInfo;
        row.checkout = checkout;
        tellCheckout(told, checkout);
        if (checkout.remote) return checkout.remote.unpushed ? pushStart(context, checkout.remote, effects) : startAgent(checkout);
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
        if (cloud && !executor && (jobEnd.state === 'lost' || jobEnd.state === 'failed')) return abandon(jobEnd);
        if (jobEnd.state === 'lost') return cloud ? followOn() : end('lost');
        const started = row.state === 'running';
        const { result, lastDelivered, question } = (jobEnd.result ?? {}) as {
          result?: RunResult;
          lastDelivered?: number;
          question?: AgentQuestion;
        };
        if (started) row.deliveredN = Math.max(row.deliveredN, row.messageN, lastDelivered ?? 0, result?.lastDelivered ?? 0);
        row.output = result?.output || row.output;
        if (jobEnd.state === 'killed') return collect();
        if (cloud && !started && jobEnd.failure) return notStarted(jobEnd.failure);
        if (cloud && (result?.failure?.stopped || (jobEnd.result as RunEnd | null)?.stop)) noteStop(jobEnd);
        // The agent was faster than the pause: its work counts, and waits.
        row.interruption = question && result?.state === 'succeeded' ? { kind: 'question', ...question } : null;
        if (result?.state === 'cancelled') return end('stopped');
        const failure = ofModel(jobEnd.failure ?? result?.failure ?? null, context.settings);
        if (!started && failure) return fail(failure);
        if (!started) move('running');
        row.failure =
          result?.state === 'succeeded' ? null : (failure ?? { class: 'agent_failed', message: 'The agent ended without success.' });
        return collect(result);
      }
      case 'collect': {
        if (row.state !== 'collecting') return;
        // The work is not here but on the remote: taking it from there is no new run.
        if (jobEnd.state === 'lost' && cloud && row.checkout) return collectAgain(row.checkout, jobEnd.jobId);
        if (jobEnd.state === 'lost') return end('lost');
        const collected = (jobEnd.result ?? {}) as { headSha?: string; evidence?: Evidence; run?: Partial<AttemptRun>; missing?: string };
        if (collected.run) noteRun(collected.run);
        row.headSha = collected.headSha ?? null;
        row.evidence = collected.evidence ?? null;
        if (row.interruption) return end(row.interruption.kind === 'question' ? 'asked' : 'stopped');
        if (row.failure) return end('failed');
        if (jobEnd.state === 'failed') {
          const failure = jobEnd.failure ?? { class: 'sandbox_lost', message: 'The work could not be collected.' };
          return cloud && row.checkout ? notFetched(failure, row.checkout, jobEnd.jobId) : fail(failure);
        }
        const others = task.procedure === 'documentation' ? notDocumentation(row.evidence, context.settings.documentationPaths) : null;
        if (others) return fail(others);
        // Whoever asks something about work that is done may get words alone.
        const wantsWork = task.procedure !== 'scoper' && plan.follows === null;
        if (collected.missing && wantsWork) return fail({ class: 'no_evidence', message: collected.missing });
        return end('succeeded');
      }
      default:
        return;
    }
  };

  if (isFinal('attempt', attempt.state)) {
    for (const { payload } of context.inputs.filter((input) => input.kind === 'job' && input.payload['kind'] === 'agent'))
      hunterEnded(payload as unknown as JobEnd);
    return { ...row, jobMessages, effects };
  }

  const stop = context.stopRequested || isFinal('plan', plan.state) || context.inputs.some((input) => input.kind === 'stop');
  const running = context.inputs.find((input) => input.kind === 'job_started');
  if (stop) {
    const jobEnds = context.inputs.filter((input) => input.kind === 'job').map((input) => input.payload as unknown as JobEnd);
    const over = jobEnds.filter((jobEnd) => !isHunter(jobEnd));
    for (const jobEnd of jobEnds.filter(isHunter)) hunterEnded(jobEnd);
    if (running?.payload['runRef']) row.runRef = running.payload['runRef'] as RunRef;
    for (const jobEnd of over) noteStop(jobEnd);
    if (attempt.state === 'reserved' || over.length > 0 || waitsForPush(attempt)) end('stopped');
    return { ...row, jobMessages, effects };
  }

  if (
    context.inputs.some((input) => input.kind === 'pause') &&
    ['reserved', 'starting', 'start_unknown', 'running'].includes(attempt.state)
  ) {
    row.interruption = { kind: 'pause' };
    row.killJobs = true;
    if (attempt.state === 'reserved' || waitsForPush(attempt)) end('stopped');
  }
  if (row.state === 'reserved') {
    move('starting');
    job('prepare', {
      branch: plan.branch,
      baseBranch: plan.baseBranch ?? context.settings.baseBranch ?? undefined,
      startFrom: plan.startSha ? { sha: plan.startSha } : null,
      ...(plan.pushedSha && context.earlier === null ? { wasPushed: true } : {}),
      reuse: attempt.number > 1,
      issue: context.issue.identifier,
      procedure: task.procedure,
      ...(context.earlier?.headSha ? { lastWork: { attemptId: context.earlier.id, sha: context.earlier.headSha } } : {}),
      ...(cloud ? { pushBranch: runBranch(plan, attempt.number), copied: context.earlier?.checkout?.copied?.files ?? [] } : {}),
    });
  }
  for (const { payload } of context.inputs.filter((input) => input.kind === 'write')) {
    if (!waitsForPush(attempt) || row.state !== 'starting' || !attempt.checkout) continue;
    if (payload['state'] === 'sent') startAgent(attempt.checkout);
    else fail((payload['failure'] as Failure | null) ?? { class: 'network', message: 'The commit to begin at could not be pushed.' });
  }
  if (running && (row.state === 'starting' || row.state === 'start_unknown')) {
    move('running');
    row.runRef = (running.payload['runRef'] as RunRef | undefined) ?? null;
    row.conversationStarted = true;
    if (cloud && row.runRef) {
      row.conversationRef = row.runRef;
      tellRun(context, row.runRef, effects);
    }
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
