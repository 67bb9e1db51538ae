import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Checkout } from 'cyrus-checkouts/checkout';
import type { Mirror } from 'cyrus-checkouts/mirror';
import type { ServiceConfig } from 'cyrus-core/config/pieces';
import type { Check, Verdict } from 'cyrus-core/domain/plan';
import { formatDuration } from 'cyrus-core/duration';
import { FailureError } from 'cyrus-core/failure';
import type { RunNetwork } from 'cyrus-core/ports/network';
import type { SandboxSpec } from 'cyrus-core/ports/sandbox';
import type { HostJob } from 'cyrus-store/queries/job-row';
import type { NetworkUser } from '../network/networks.ts';
import type { JobContext, JobRunner } from '../supervisor/job-runner.ts';
import { type GuardedFile, guardChecks, guardInput, guardScript } from './check-guard.ts';
import { checkSources } from './check-sources.ts';
import { type EquipOptions, equip } from './equip.ts';
import { type LargeFiles, largeFilesOf } from './large-files.ts';
import { commandArguments, readScript, scriptArguments } from './repository-script.ts';
import { type CommandEnd, runCommand } from './run-command.ts';
import { listensHere, startServices } from './services.ts';
import { type TeardownOptions, tearDown } from './teardown.ts';
import { readTreeFiles } from './tree-files.ts';
import { untilAborted } from './until-aborted.ts';
import { readWorkplace, workplaceVariables } from './workplace.ts';

/** The payload of a `verify` job. */
export interface VerifyJob {
  readonly repositoryId: string;
  readonly taskId: string;
  readonly sha: string;
  readonly commands: readonly string[];
  readonly setup?: { readonly command: string };
  /** For all of it together. */
  readonly timeoutMs: number;
}

/** The result of a `verify` job. */
export interface VerifyResult extends Verdict {
  /** What the checks were made of and the work had changed: they ran as the base commit has it. */
  readonly restored: readonly string[];
}

export interface VerifyRunnerOptions extends EquipOptions, TeardownOptions {
  /** What runs beside the checks. */
  readonly services: (repositoryId: string) => readonly ServiceConfig[];
  /** The base commit of the task's work; undefined: not known, then nothing is put back. */
  readonly base: (taskId: string) => Promise<string | undefined>;
}

const outputBytes = 8 * 1024;

/** Runs the checks on a clean checkout of exactly the commit, inside the sandbox; what they are made of comes from the base commit. */
export function createVerifyRunner(options: VerifyRunnerOptions): JobRunner {
  const { checkouts, repositories } = options;
  const underWay = new Set<string>();
  let swept: Promise<void> | undefined;
  return async (job, context) => {
    const wanted = job.payload as unknown as VerifyJob;
    if (wanted.commands.length === 0) return { result: { ...verdict('not_run', [], 'No check commands are known for this repository') } };
    const name = `verify-${job.id}`;
    underWay.add(name);
    try {
      swept ??= sweep(options, context, underWay);
      await swept.catch((error) => context.log.warn({ error: String(error) }, 'old checkouts of checks could not be removed'));
      const mirror = await untilAborted(context.signal, repositories.open(wanted.repositoryId));
      const { repositoryId, sha } = wanted;
      const largeFiles = await needed(untilAborted(context.signal, largeFilesOf(options, { repositoryId, mirror, sha })));
      const { sparse } = repositories.config(wanted.repositoryId) ?? {};
      const { signal } = context;
      const creating = checkouts.create({ mirror, name, sha: wanted.sha, branch: 'cyrus-verify', purpose: 'verify', sparse, signal });
      const remove = (checkout: Checkout): Promise<void> => checkouts.remove({ mirror, checkout });
      const created = await untilAborted(context.signal, creating, remove);
      let kept = false;
      try {
        const checking = await needed(made({ ...options, job, wanted, context, mirror }, created, largeFiles));
        try {
          return { result: { ...(await check(checking)) } };
        } finally {
          const torn = tearDown(options, { repositoryId, mirror, checkout: checking.checkout, runId: job.id }, context);
          // What ends the job at once ends this, too: the task's cleanup does it, or the next start.
          kept = await torn.then(
            () => false,
            () => true,
          );
        }
      } finally {
        if (!kept) await remove(created);
      }
    } catch (error) {
      if (!(error instanceof NotHad)) throw error;
      return { result: { ...verdict('not_run', [], error.message.replace(/\.$/, '')) } };
    } finally {
      underWay.delete(name);
    }
  };
}

/** Something the repository needs cannot be had: that is for people to mend, and says nothing of the work. */
class NotHad extends Error {}

async function needed<T>(work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    const failure = error instanceof FailureError ? error.failure : undefined;
    if (failure === undefined || !['invalid_request', 'auth', 'missing_binary'].includes(failure.class)) throw error;
    throw new NotHad(failure.message);
  });
}

/** The checkout as the checks find it: with its submodules, files, ports. */
async function made(
  parts: Omit<Checking, 'checkout' | 'variables' | 'baseSha'>,
  created: Checkout,
  largeFiles: LargeFiles,
): Promise<Checking> {
  const { wanted, context, mirror, job, base } = parts;
  const found = await base(wanted.taskId ?? job.taskId ?? '');
  const baseSha = found === undefined ? undefined : await mirror.resolve(found);
  const agents = await parts.checkouts.find(wanted.taskId);
  const { checkout, workplace } = await untilAborted(
    context.signal,
    equip(parts, {
      repositoryId: wanted.repositoryId,
      mirror,
      checkout: created,
      baseSha: baseSha ?? wanted.sha,
      taskId: wanted.taskId,
      issue: (agents && (await readWorkplace(agents)))?.issue ?? null,
      branch: agents?.branch ?? created.branch,
      largeFiles,
      signal: context.signal,
    }),
  );
  return { ...parts, checkout, baseSha, variables: workplaceVariables(checkout, workplace) };
}

/** Removes checkouts that an earlier service was checking in; nothing in them is worth keeping. */
async function sweep(options: VerifyRunnerOptions, context: JobContext, underWay: ReadonlySet<string>): Promise<void> {
  const { checkouts, repositories } = options;
  for (const checkout of await checkouts.list()) {
    const { repositoryId } = checkout;
    if (checkout.purpose !== 'verify' || underWay.has(checkout.name) || !repositories.config(repositoryId)) continue;
    const mirror = await repositories.open(repositoryId);
    await tearDown(options, { repositoryId, mirror, checkout, runId: checkout.name }, context);
    await checkouts.remove({ mirror, checkout });
  }
}

interface Checking extends VerifyRunnerOptions {
  readonly job: HostJob;
  readonly wanted: VerifyJob;
  readonly context: JobContext;
  readonly mirror: Mirror;
  readonly checkout: Checkout;
  readonly variables: Readonly<Record<string, string>>;
  /** Undefined: not known. */
  readonly baseSha: string | undefined;
}

/** With what the checks need beside them, which ends with them. */
async function check(checking: Checking): Promise<VerifyResult> {
  const { wanted, context } = checking;
  const deadline = context.clock.now() + wanted.timeoutMs;
  const { repositoryId } = wanted;
  const user = { ...checking.job, runId: `${checking.runPrefix}${checking.job.id}`, repositoryId };
  const failed = await setUp(checking, user, deadline);
  if (failed) return failed;
  return checking.networks.use({ ...user, phase: 'checks' }, (network) => checkIn(checking, network, deadline));
}

async function checkIn(checking: Checking, network: RunNetwork, deadline: number): Promise<VerifyResult> {
  const { wanted, context } = checking;
  const step = await commandRunner(checking, network);
  const configured = checking.services(wanted.repositoryId);
  if (configured.length === 0) return runChecks(checking, step.run, deadline);
  const { clock, signal } = context;
  const { sandbox, variables } = checking;
  const listens = typeof network.network === 'string' ? listensHere : network.network.listens;
  const services = await startServices({ services: configured, sandbox, clock, signal, spec: step.spec, variables, deadline, listens });
  try {
    if (signal.aborted) throw new FailureError({ class: 'sandbox_lost', message: 'Stopped.' });
    const { problem } = services;
    if (problem) return verdict(problem.verdict, problem.check ? [problem.check] : [], problem.reason);
    const result = await runChecks(checking, step.run, deadline);
    const missing = services.missing();
    if (missing !== undefined) return { ...result, verdict: 'not_run', reason: missing };
    const bad = result.verdict === 'failed' ? result.checks.findLastIndex((each) => each.exitCode !== 0) : -1;
    const checks = result.checks.map((each, index) => (index === bad ? { ...each, output: `${each.output}\n${services.logs()}` } : each));
    return { ...result, checks };
  } finally {
    await services.end();
  }
}

/** Runs the setup of the configuration, else that of the base commit. The verdict when it fails. */
async function setUp(checking: Checking, user: Omit<NetworkUser, 'phase'>, deadline: number): Promise<VerifyResult | undefined> {
  const { wanted, mirror, baseSha } = checking;
  const name = 'cyrus-setup.sh';
  const text = wanted.setup || baseSha === undefined ? undefined : await readScript(mirror, baseSha, name);
  if (!wanted.setup && text === undefined) return undefined;
  const command = wanted.setup?.command ?? name;
  const args = text === undefined ? commandArguments(command) : scriptArguments(checking.checkout.directory, name, text);
  const end = await checking.networks.use({ ...user, phase: 'setup' }, async (network) =>
    (await commandRunner(checking, network)).run(args, deadline),
  );
  if (end.ended === 'not_started') return verdict('not_run', [], `The setup command could not be started: ${end.output}`);
  if (end.exitCode === 0) return undefined;
  return verdict('failed', [checkOf(command, end)], reasonOf(end, 'The setup command failed'));
}

async function runChecks(checking: Checking, runArguments: Run, deadline: number): Promise<VerifyResult> {
  const { wanted } = checking;
  const run = (command: string, until: number, stdin?: string): Promise<CommandEnd> =>
    runArguments(commandArguments(command), until, stdin);
  const guarded = await guard(checking);
  const restored = guarded.filter((file) => file.changed).map((file) => file.path);
  const checks: Check[] = [];
  const missing: string[] = [];
  for (const command of wanted.commands) {
    // Before each: neither setup nor an earlier check may leave the next one another meaning.
    const put = guarded.length === 0 ? undefined : await run(guardScript, deadline, guardInput(guarded));
    // Somebody killed our own step, which says nothing about the work or this machine.
    if (put?.ended === 'exited' && (put.exitCode === null || put.exitCode === killedExitCode))
      throw new FailureError({ class: 'sandbox_lost', message: 'The checks were killed before they began.' });
    if (put && put.exitCode !== 0)
      return { ...verdict('not_run', checks, `The checks could not be put in place: ${put.output}`), restored };
    const end = await run(command, deadline);
    if (end.ended === 'not_started') return { ...verdict('not_run', checks, `${command} could not be started: ${end.output}`), restored };
    checks.push(checkOf(command, end));
    if (end.ended === 'timed_out') return { ...verdict('failed', checks, reasonOf(end, '')), restored };
    const word = firstWord(command);
    if (end.exitCode === 127 && word !== undefined && !(await isThere(run, word, deadline))) missing.push(word);
  }
  const bad = checks.filter((each) => each.exitCode !== 0);
  if (bad.length > missing.length) return { ...verdict('failed', checks), restored };
  if (missing.length > 0)
    return { ...verdict('not_run', checks, `${[...new Set(missing)].join(', ')} is not installed on this host`), restored };
  return { ...verdict('passed', checks), restored };
}

async function guard({ wanted, mirror, baseSha, context }: Checking): Promise<readonly GuardedFile[]> {
  if (baseSha === undefined) {
    context.log.warn({ taskId: wanted.taskId }, 'the base commit of a task is not known; its checks run as the work has them');
    return [];
  }
  const manifest = (await readTreeFiles(mirror, baseSha, ['package.json'])).get('package.json');
  const sources = checkSources([...wanted.commands], manifest?.content);
  const paths = ['package.json', ...sources.files];
  const [was, is] = await Promise.all([readTreeFiles(mirror, baseSha, paths), readTreeFiles(mirror, wanted.sha, paths)]);
  return guardChecks(sources, was, is);
}

/** 128 + SIGKILL: what a shell and bubblewrap make of a killed child. */
const killedExitCode = 137;

/** Arguments of /bin/sh. */
type Run = (args: readonly string[], deadline: number, stdin?: string) => Promise<CommandEnd>;

interface Steps {
  readonly run: Run;
  readonly spec: (command: string, env: Readonly<Record<string, string>>) => SandboxSpec;
}

async function commandRunner(checking: Checking, { network, env: ways }: RunNetwork): Promise<Steps> {
  const { job, wanted, context, checkout, sandbox, tools, environment, variables, runPrefix } = checking;
  const { env, readable } = tools();
  const home = join(dirname(checkout.directory), 'home');
  await mkdir(home, { recursive: true, mode: 0o700 });
  const spec = (args: readonly string[], more: Readonly<Record<string, string>>): SandboxSpec => ({
    runId: `${runPrefix}${job.id}`,
    command: '/bin/sh',
    args: [...args],
    cwd: checkout.directory,
    env: { ...env, ...environment(wanted.repositoryId), ...variables, ...ways, ...more, HOME: home },
    writable: [checkout.directory, home],
    readable: [...checkout.readable, ...readable],
    network,
  });
  return {
    spec: (command, more) => spec(commandArguments(command), more),
    async run(args, deadline, stdin) {
      const end = await runCommand({
        sandbox,
        clock: context.clock,
        signal: context.signal,
        timeoutMs: Math.max(0, deadline - context.clock.now()),
        outputBytes,
        ...(stdin === undefined ? {} : { stdin }),
        spec: spec(args, {}),
      });
      if (end.ended === 'aborted') throw new FailureError({ class: 'sandbox_lost', message: 'Stopped.' });
      return end;
    },
  };
}

/** The program a command begins with; undefined where the shell begins with something of its own. */
function firstWord(command: string): string | undefined {
  return /^\s*(?:[A-Za-z_][A-Za-z0-9_]*=\S*\s+)*([A-Za-z0-9_.+-]+)(?:\s|$)/.exec(command)?.[1];
}

async function isThere(run: (command: string, deadline: number) => Promise<CommandEnd>, word: string, deadline: number): Promise<boolean> {
  return (await run(`command -v ${word} >/dev/null`, deadline)).exitCode === 0;
}

function checkOf(command: string, end: CommandEnd): Check {
  const note = end.ended === 'timed_out' ? `\n[timed out after ${formatDuration(end.durationMs)}]` : '';
  return { command, exitCode: end.exitCode, durationMs: end.durationMs, output: `${end.output}${note}` };
}

const reasonOf = (end: CommandEnd, otherwise: string): string => (end.ended === 'timed_out' ? 'timed out' : otherwise);

function verdict(kind: Verdict['verdict'], checks: readonly Check[], reason?: string): VerifyResult {
  return { verdict: kind, ...(reason === undefined ? {} : { reason }), checks, restored: [] };
}
