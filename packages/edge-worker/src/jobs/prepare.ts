import type { Checkout } from 'cyrus-checkouts/checkout';
import type { Mirror } from 'cyrus-checkouts/mirror';
import { componentOf } from 'cyrus-checkouts/names';
import type { CheckoutInfo, Procedure } from 'cyrus-core/domain/plan';
import { FailureError } from 'cyrus-core/failure';
import type { HostJob } from 'cyrus-store/queries/job-row';
import type { JobContext, JobRunner } from '../supervisor/job-runner.ts';
import { checkFiles, detectChecks } from './detect-checks.ts';
import { type EquipOptions, type Equipped, equip, keepPorts } from './equip.ts';
import { checkoutBytes, fetchSource, type SourceOptions, untilRoom } from './fetch-source.ts';
import { hasRepository } from './find-checkout.ts';
import { guidanceFiles, guidanceOf } from './guidance.ts';
import { largeFilesOf } from './large-files.ts';
import { prepareElsewhere } from './prepare-elsewhere.ts';
import { effectiveTemplate } from './prompt-template.ts';
import { readScript } from './repository-script.ts';
import { runCommand } from './run-command.ts';
import { type TeardownOptions, tearDown } from './teardown.ts';
import { contents, readTreeFiles } from './tree-files.ts';
import { untilAborted } from './until-aborted.ts';
import { readWorkplace } from './workplace.ts';

/** The payload of a `prepare` job. Its result is a `CheckoutInfo`. */
export interface PrepareJob {
  readonly repositoryId: string;
  readonly taskId: string;
  readonly attemptId: string;
  readonly branch: string;
  /** Null: the base branch as it is now. */
  readonly startFrom: { readonly sha: string } | { readonly branch: string } | null;
  /** Absent: the repository's, else the remote's default branch. */
  readonly baseBranch?: string;
  /**
   * The plan goes on from work that was pushed to `branch`. Should that be gone from the remote, it was merged: the base branch has it. An
   * attempt that finds something of an earlier one goes on with that instead.
   */
  readonly wasPushed?: boolean;
  /** Whether work of an earlier attempt is to be gone on with. */
  readonly reuse: boolean;
  /** Where that work is, should its checkout be gone. */
  readonly lastWork?: { readonly attemptId: string; readonly sha: string };
  /** `ENG-12`, for the scripts of the repository. */
  readonly issue?: string;
  /** Whose prompt is looked for. */
  readonly procedure?: Procedure;
  /** The work is done elsewhere and pushed to this branch: nothing is checked out here. */
  readonly pushBranch?: string;
  /** Files of the user's own checkout that the attempt of the last work was given. */
  readonly copied?: readonly string[];
}

export interface PrepareRunnerOptions extends EquipOptions, TeardownOptions, SourceOptions {
  /** Where templates for every repository are; absent: nowhere. */
  readonly promptsDirectory?: () => string;
  /** The task's attempts, the newest first. */
  readonly attempts: (taskId: string) => Promise<readonly string[]>;
  /** A checkout was given away: another may be made ready. */
  readonly used: () => void;
  readonly maxFileBytes: () => number;
  /** Reads the MCP servers of a repository: with a mistake in them no work is begun. */
  readonly mcpServers: (repositoryId: string) => Promise<unknown>;
}

/** Brings the mirror up to date and gives the attempt its checkout: the one of the task, or a new one. */
export function createPrepareRunner(options: PrepareRunnerOptions): JobRunner {
  return async (job, context) => {
    const wanted = job.payload as unknown as PrepareJob;
    await options.mcpServers(wanted.repositoryId);
    const mirror = await untilAborted(context.signal, options.repositories.open(wanted.repositoryId));
    // Work that has its checkout goes on without room for another.
    const here = wanted.pushBranch === undefined;
    if (here && (!wanted.reuse || !(await options.checkouts.find(wanted.taskId)))) await untilRoom(options, job, context, async () => 0);
    const fetched = await fetchSource(options, job, context, mirror, { anew: wanted.wasPushed === true });
    const baseBranch = wanted.baseBranch ?? options.repositories.config(wanted.repositoryId)?.baseBranch ?? fetched.defaultBranch;
    const missing = `The base branch ${baseBranch} is not in the repository.`;
    const mend = `Push that branch, or correct baseBranch of the repository (its default branch is ${fetched.defaultBranch}). Then write here to try again.`;
    const baseSha = await resolved(mirror, baseBranch, missing, mend);
    const startSha = await startOf(
      options,
      mirror,
      (await isBegun(options, mirror, wanted)) ? { ...wanted, wasPushed: false } : wanted,
      baseSha,
    );
    const template = wanted.procedure && (await effectiveTemplate(mirror, baseSha, wanted.procedure, options.promptsDirectory?.()));
    const files = contents(await readTreeFiles(mirror, baseSha, [...checkFiles, ...guidanceFiles]));
    if (wanted.pushBranch !== undefined) {
      const { repositoryId, branch, pushBranch, copied = [] } = wanted;
      const last = wanted.reuse ? await lastWork(mirror, wanted, await options.attempts(wanted.taskId)) : undefined;
      const found = await prepareElsewhere(options, mirror, {
        ...{ repositoryId, baseBranch, baseSha, branch, pushBranch, startSha, last, copied },
      });
      const info: CheckoutInfo = {
        ...{ directory: '', baseBranch, baseSha, startSha: found.startSha, reused: false, readable: [], remote: found.remote },
        detected: detectChecks(files) ?? null,
        context: guidanceOf(files),
        ...(found.remarks.length === 0 ? {} : { remarks: found.remarks }),
        ...(template ? { template } : {}),
      };
      return { result: { ...info } };
    }
    const given = await giveCheckout(options, job, context, mirror, wanted, { baseSha, startSha });
    options.used();
    const { workplace } = given;
    const ownSetup = options.repositories.config(wanted.repositoryId)?.setup === undefined;
    const hasScript = ownSetup && (await readScript(mirror, baseSha, 'cyrus-setup.sh')) !== undefined;
    const info: CheckoutInfo = {
      directory: given.checkout.directory,
      baseBranch,
      baseSha,
      startSha: given.reused && wanted.startFrom === null ? given.checkout.baseSha : startSha,
      reused: given.reused,
      detected: detectChecks(files) ?? null,
      context: guidanceOf(files),
      readable: given.checkout.readable,
      ...(hasScript ? { setupScript: 'cyrus-setup.sh' } : {}),
      setUp: workplace.setUp,
      ...(workplace.copied.files.length + workplace.copied.skipped.length === 0 ? {} : { copied: workplace.copied }),
      ...(workplace.remarks.length === 0 ? {} : { remarks: workplace.remarks }),
      ...(template ? { template } : {}),
    };
    return { result: { ...info } };
  };
}

async function resolved(mirror: Mirror, name: string, otherwise: string, fix?: string): Promise<string> {
  const sha = await mirror.resolve(name);
  if (sha === undefined) throw new FailureError({ class: 'invalid_request', message: otherwise, ...(fix === undefined ? {} : { fix }) });
  return sha;
}

/** Whether an earlier attempt of the task left something that this one goes on with. */
async function isBegun(
  { checkouts, attempts }: Pick<PrepareRunnerOptions, 'checkouts' | 'attempts'>,
  mirror: Mirror,
  wanted: PrepareJob,
): Promise<boolean> {
  if (!wanted.reuse) return false;
  return (
    (await checkouts.find(wanted.taskId)) !== undefined || (await lastWork(mirror, wanted, await attempts(wanted.taskId))) !== undefined
  );
}

async function startOf(
  { checkouts }: Pick<PrepareRunnerOptions, 'checkouts'>,
  mirror: Mirror,
  { startFrom, wasPushed, branch }: PrepareJob,
  baseSha: string,
): Promise<string> {
  if (startFrom === null || startFrom === undefined) return baseSha;
  const pushed = wasPushed ? await mirror.resolve(branch) : undefined;
  if (wasPushed && pushed === undefined) return baseSha;
  const name = 'sha' in startFrom ? startFrom.sha : startFrom.branch;
  // What people have put on top of it since is gone on with. A branch that they rewrote is left to them: a push will say so.
  const last = pushed === undefined ? undefined : await mirror.resolve(name);
  if (pushed !== undefined && last !== undefined && pushed !== last) {
    const { relation, commitCount } = await checkouts.evidence({ mirror, base: last, head: pushed });
    if (relation === 'descends' && commitCount > 0) return pushed;
  }
  return resolved(mirror, name, `The work to go on from, ${name}, is not in the repository.`);
}

async function giveCheckout(
  options: PrepareRunnerOptions,
  job: HostJob,
  context: JobContext,
  mirror: Mirror,
  wanted: PrepareJob,
  { baseSha, startSha }: { readonly baseSha: string; readonly startSha: string },
): Promise<Equipped & { readonly reused: boolean }> {
  const { checkouts } = options;
  const present = await checkouts.find(wanted.taskId);
  const prepared = present && (await readWorkplace(present));
  const usable = prepared && !prepared.tornDown && wanted.reuse && (await isIntact(options, context, present, wanted));
  if (present && prepared && usable) return { checkout: present, workplace: await keepPorts(options, present, prepared), reused: true };
  let name = wanted.taskId;
  if (present) {
    const { repositoryId, attemptId } = wanted;
    await tearDown(options, { repositoryId, mirror, checkout: present, runId: `${attemptId}.teardown` }, context);
    // Removing saves what is in it. One that cannot even be read is left alone, and the attempt works beside it.
    const removed = await untilAborted(context.signal, checkouts.remove({ mirror, checkout: present })).then(
      () => true,
      (error) => {
        if (context.signal.aborted || !(error instanceof FailureError)) throw error;
        context.log.warn(
          { directory: present.directory, error: error.message },
          'a broken checkout cannot be saved and is left where it is',
        );
        return false;
      },
    );
    if (!removed) name = `${wanted.taskId}-${wanted.attemptId}`;
  }
  const sha = wanted.reuse ? ((await lastWork(mirror, wanted, await options.attempts(wanted.taskId))) ?? startSha) : startSha;
  const largeFiles = await largeFilesOf(options, { repositoryId: wanted.repositoryId, mirror, sha });
  const ready = (await checkouts.pool.list()).some((waiting) => waiting.repositoryId === mirror.id);
  if (!ready) await untilRoom(options, job, context, () => checkoutBytes(mirror, sha));
  const { sparse } = options.repositories.config(wanted.repositoryId) ?? {};
  const creating = checkouts.create({ mirror, name, sha, branch: wanted.branch, sparse, signal: context.signal });
  const checkout = await untilAborted(context.signal, creating, (late) => checkouts.remove({ mirror, checkout: late }));
  const { repositoryId, taskId, issue = null, branch } = wanted;
  const equipping = equip(options, { repositoryId, mirror, checkout, baseSha, taskId, issue, branch, largeFiles, signal: context.signal });
  return { ...(await untilAborted(context.signal, equipping)), reused: false };
}

/** What was saved last: in the middle of an attempt that was lost, or at the end of one. */
async function lastWork(
  mirror: Mirror,
  { attemptId, lastWork: last, taskId }: PrepareJob,
  attempts: readonly string[],
): Promise<string | undefined> {
  // Attempts that came after the last one whose end was collected went on from it.
  const newer = last === undefined ? attempts : attempts.slice(0, Math.max(0, attempts.indexOf(last.attemptId)));
  const names = [
    ...newer.filter((attempt) => attempt !== attemptId).map((attempt) => `refs/cyrus/wip/${componentOf(attempt)}`),
    ...(last ? [last.sha, `refs/cyrus/wip/${componentOf(last.attemptId)}`] : []),
  ];
  for (const name of [...names, `refs/cyrus/wip/${componentOf(`${taskId}-removed`)}`]) {
    const sha = await mirror.resolve(name);
    if (sha !== undefined) return sha;
  }
  return undefined;
}

/** Whether an earlier attempt's checkout can be worked in. Git looks at it inside the sandbox; locks of a killed one are taken away. */
async function isIntact(options: PrepareRunnerOptions, context: JobContext, checkout: Checkout, wanted: PrepareJob): Promise<boolean> {
  if (checkout.repositoryId !== wanted.repositoryId || checkout.branch !== wanted.branch || !(await hasRepository(checkout))) return false;
  const tools = options.tools();
  const look = await runCommand({
    sandbox: options.sandbox,
    clock: context.clock,
    signal: context.signal,
    timeoutMs: 60_000,
    outputBytes: 4096,
    spec: {
      runId: `${options.runPrefix}${wanted.attemptId}.look`,
      command: '/bin/sh',
      args: ['-c', "find .git -name '*.lock' -type f -delete; git rev-parse --verify --quiet HEAD && git status --porcelain >/dev/null"],
      cwd: checkout.directory,
      env: { ...tools.env, HOME: checkout.directory, GIT_CONFIG_GLOBAL: '/dev/null', GIT_OPTIONAL_LOCKS: '0' },
      writable: [checkout.directory],
      readable: [...checkout.readable, ...tools.readable],
      network: 'none',
    },
  });
  return look.exitCode === 0;
}
