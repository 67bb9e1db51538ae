import type { Instant } from 'cyrus-core/clock';
import { type Effects, type JobEnd, priority } from 'cyrus-core/domain/effects';
import type { AttachedFiles, Attempt, AttemptRun, CheckoutInfo, Plan, RemoteStart } from 'cyrus-core/domain/plan';
import type { Failure } from 'cyrus-core/failure';
import type { RemoteWork, RunRef, RunResult } from 'cyrus-executor-interface/executor';
import { code } from './answers.ts';
import type { AttemptContext } from './attempt-context.ts';
import { retireRun } from './retire-runs.ts';
import { externalUrls, thought } from './tracker-writes.ts';

/** What an agent job is to do about a run, where it is not a plain start. */
export type RunOrder =
  /** Go on following a run that is known. */
  | { readonly do: 'attach'; readonly ref: RunRef; readonly deadline: Instant }
  /** Look for a run that may have begun, and follow it; after `until` it is given up. */
  | { readonly do: 'find'; readonly until: Instant }
  /** Ask for the same run again, under its key, until it is known that there is one; after `until` it is given up. */
  | { readonly do: 'insist'; readonly until: Instant }
  /** Look for a run that nobody wants any more, and stop it. `ref`: it is known. */
  | { readonly do: 'hunt'; readonly until: Instant; readonly ref?: RunRef };

/** What the end of an agent job says of a run elsewhere. */
export interface RunEnd {
  readonly result?: RunResult;
  /** What became of a stop that was asked for. */
  readonly stop?: 'confirmed' | 'requested' | 'unsupported';
  /** A hunter's: the run it found, and what that had opened by itself. */
  readonly caught?: RunRef;
  readonly pullRequestUrl?: string;
}

/** The key of an attempt's agent job. A job that was cut off is followed by one of the next generation. */
export const agentJobKey = (attemptId: string, generation: number): string =>
  `attempt:${attemptId}:agent${generation > 1 ? `:${generation}` : ''}`;

/** The name of a run's own branch: of one attempt of one plan, also where plans share a branch, and never that of a plan. */
export const runBranch = ({ branch, number, follows }: Pick<Plan, 'branch' | 'number' | 'follows'>, attemptNumber: number): string =>
  `${branch}${follows === null ? '' : `-p${number}`}-a${attemptNumber}`;

/** Where an executor elsewhere works, for its request. */
export function remoteWork({ remote, baseBranch }: CheckoutInfo): RemoteWork | undefined {
  if (!remote) return undefined;
  const { repositoryUrl, repositoryName, startBranch, startSha, pushBranch } = remote;
  return { repositoryUrl, startBranch, startSha, baseBranch, pushBranch, ...(repositoryName === undefined ? {} : { repositoryName }) };
}

/** What people attached, for an agent that cannot read it here: images go with the request, by the paths the prompt names. */
export function attachedElsewhere(attached: AttachedFiles | undefined): AttachedFiles | null {
  if (!attached) return null;
  const why = 'only its address is known where you work';
  const isImage = ({ mediaType }: AttachedFiles['files'][number]): boolean => mediaType.startsWith('image/');
  const others = attached.files.filter((file) => !isImage(file)).map(({ url, name }) => ({ url, name, why }));
  return { files: attached.files.filter(isImage), missing: [...attached.missing, ...others] };
}

/** Puts the commit that a run elsewhere begins at on the remote. */
export function pushStart(context: AttemptContext, remote: RemoteStart, effects: Effects): void {
  const { attempt, plan } = context;
  const { startSha: sha, startBranch: branch } = remote;
  effects.writes.push({
    key: `attempt:${attempt.id}:start-branch`,
    credential: 'git',
    lane: `git:${plan.repositoryId}:${branch}`,
    priority: priority.state,
    kind: 'push',
    payload: { kind: 'push', repositoryId: plan.repositoryId, sha, branch, lease: null },
    planId: plan.id,
    notify: `attempt:${attempt.id}`,
  });
}

/** Whether the attempt waits for that push: nothing of it runs meanwhile. */
export const waitsForPush = ({ state, checkout, run }: Attempt): boolean =>
  state === 'starting' && checkout?.remote?.unpushed === true && !run?.jobs;

/** A person can follow the run where it is. */
export function tellRun(context: AttemptContext, ref: RunRef, effects: Effects): void {
  const { attempt, plan, task, listeners } = context;
  const { executorId, runId, url } = ref;
  effects.events.push({ type: 'run.started', planId: plan.id, taskId: task.id, attemptId: attempt.id, payload: { ...ref } });
  for (const to of listeners) {
    effects.writes.push(thought(to, `attempt:${attempt.id}:run`, `It runs on **${executorId}**: ${url ?? `run ${code(runId)}`}`, plan.id));
    if (url) effects.writes.push(externalUrls(to, `attempt:${attempt.id}:run-url`, [{ label: `Run on ${executorId}`, url }], plan.id));
  }
}

/** Says once to everybody who listens. */
export function say(context: AttemptContext, effects: Effects, key: string, body: string): void {
  for (const to of context.listeners) effects.writes.push(thought(to, `attempt:${context.attempt.id}:${key}`, body, context.plan.id));
}

/** What became of a stop, for the record. */
export function tellStop(context: AttemptContext, outcome: NonNullable<AttemptRun['stop']>, ref: RunRef | null, effects: Effects): void {
  const { attempt, plan, task } = context;
  const payload = { executorId: attempt.executorId, outcome, ...(ref?.url ? { url: ref.url } : {}) };
  effects.events.push({ type: 'run.stop', planId: plan.id, taskId: task.id, attemptId: attempt.id, payload });
}

/** What is to be said of a run whose stop is not confirmed. `later`: it can be stopped once it has a pull request. */
export function unconfirmed(executorId: string, outcome: AttemptRun['stop'], url: string | undefined, later = false): string | null {
  const see = url ? ` See ${url}` : '';
  switch (outcome) {
    case undefined:
    case 'confirmed':
      return null;
    case 'requested':
      return `**${executorId}** was asked to stop the run and has not confirmed it.${see}`;
    case 'unsupported':
      if (later)
        return `**${executorId}** stops a run by its pull request only, and there is none yet: it may go on until then, and what it does is not used.${see}`;
      return `**${executorId}** cannot stop a run: it may go on there; what it does is not used.${see}`;
    case 'unknown':
      return `**${executorId}** could not be asked to stop the run yet: that is gone on with, and what it does is not used.${see}`;
  }
}

/** A start without an answer, given up. */
export const startUnknown = (executorId: string, failure: Failure): Failure => ({
  ...failure,
  message: `${executorId} did not say whether a run began, and none was found. ${failure.message}`,
});

/** The executor is not in the configuration any more; `began`: there is a run of it, or may be. */
export function abandoned(executorId: string, ref: RunRef | null, began: boolean): Failure {
  const gone = `${executorId} is not in the configuration any more.`;
  if (!began)
    return { class: 'missing_binary', message: `${gone} No run had begun there.`, fix: `Put ${executorId} back, or leave it to others.` };
  const run = ref ? `Its run ${ref.url ?? ref.runId}` : 'A run that may have begun there';
  return {
    class: 'missing_binary',
    message: `${gone} ${run} may go on and cost money; what it has pushed so far is kept, the rest is not used.`,
    fix: `Put ${executorId} back, and Cyrus stops the run; or stop it there.`,
  };
}

/** The payload of the job that takes the work of a run elsewhere into the mirror. `ended`: well, so that there should be work. */
export function collectRemote(
  context: AttemptContext,
  checkout: CheckoutInfo,
  { ref, run, ended }: { readonly ref: RunRef | null; readonly run: AttemptRun | null; readonly ended: boolean },
): object {
  const { attempt, settings, plan } = context;
  const { remote } = checkout;
  return {
    baseSha: checkout.startSha,
    remote: {
      ...{
        executorId: attempt.executorId,
        ref,
        startSha: remote?.startSha,
        pushBranch: remote?.pushBranch,
        repositoryName: remote?.repositoryName,
      },
      notThese: [checkout.baseBranch, plan.branch, ...(remote?.startBranch === undefined ? [] : [remote.startBranch])],
      baseBranch: checkout.baseBranch,
      ...(run?.branch === undefined ? {} : { branch: run.branch }),
      ...(run?.pullRequestUrl === undefined ? {} : { pullRequestUrl: run.pullRequestUrl }),
      // A run that failed, asked or was stopped has pushed what it had.
      waitMs: ended && context.task.procedure !== 'scoper' ? settings.cloud.branchWaitMs : 0,
    },
  };
}

/** What a hunter found out, after its attempt; what is to be kept of the run. */
export function hunted(context: AttemptContext, end: JobEnd, effects: Effects): Partial<AttemptRun> {
  const { attempt, plan, task } = context;
  const { caught, stop, pullRequestUrl } = (end.result ?? {}) as RunEnd;
  if (!caught) return {};
  const outcome = stop ?? 'unknown';
  // Known before: only its stop was still open.
  if (caught.runId === attempt.runRef?.runId) {
    tellStop(context, outcome, caught, effects);
    return { stop: outcome };
  }
  const payload = { ...caught, outcome, ...(pullRequestUrl === undefined ? {} : { pullRequestUrl }) };
  effects.events.push({ type: 'run.late', planId: plan.id, taskId: task.id, attemptId: attempt.id, payload });
  const done = stop === 'confirmed' ? 'It was stopped.' : (unconfirmed(attempt.executorId, outcome, undefined) ?? '');
  const where = caught.url ? `: ${caught.url}` : ` (${code(caught.runId)})`;
  const opened = pullRequestUrl === undefined ? '' : ` What it opened is not used: ${pullRequestUrl}`;
  const what = `A run of attempt ${attempt.number} that nobody waits for any more turned up on **${attempt.executorId}**${where}.`;
  say(context, effects, `late:${end.jobId}`, `${what} ${done}${opened}`);
  const late: NonNullable<AttemptRun['late']> = {
    runId: caught.runId,
    ...(caught.url === undefined ? {} : { url: caught.url }),
    stop: outcome,
  };
  if (pullRequestUrl === undefined) return { late };
  const remote = attempt.checkout?.remote;
  if (plan.pullRequest && remote)
    effects.writes.push(retireRun(plan, { attemptId: attempt.id, remote, pullRequestUrl, branches: [] }, plan.pullRequest));
  return { late, pullRequestUrl };
}
