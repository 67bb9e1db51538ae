import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Checkout } from 'cyrus-checkouts/checkout';
import type { Checkouts } from 'cyrus-checkouts/checkouts';
import type { Mirror } from 'cyrus-checkouts/mirror';
import type { Check, Verdict } from 'cyrus-core/domain/plan';
import { formatDuration } from 'cyrus-core/duration';
import { FailureError } from 'cyrus-core/failure';
import type { Sandbox } from 'cyrus-core/ports/sandbox';
import type { HostJob } from 'cyrus-store/queries/job-row';
import type { JobContext, JobRunner } from '../supervisor/job-runner.ts';
import { type GuardedFile, guardChecks, guardInput, guardScript } from './check-guard.ts';
import { checkSources } from './check-sources.ts';
import type { Repositories } from './repositories.ts';
import { type CommandEnd, runCommand } from './run-command.ts';
import type { ToolEnvironment } from './tool-environment.ts';
import { readTreeFiles } from './tree-files.ts';
import { untilAborted } from './until-aborted.ts';

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

export interface VerifyRunnerOptions {
  readonly checkouts: Checkouts;
  readonly repositories: Repositories;
  readonly sandbox: Sandbox;
  readonly tools: () => ToolEnvironment;
  readonly environment: (repositoryId: string) => Readonly<Record<string, string>>;
  /** The base commit of the task's work; undefined: not known, then nothing is put back. */
  readonly base: (taskId: string) => Promise<string | undefined>;
  readonly runPrefix: string;
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
      swept ??= sweep(checkouts, repositories, underWay);
      await swept.catch((error) => context.log.warn({ error: String(error) }, 'old checkouts of checks could not be removed'));
      const mirror = await untilAborted(context.signal, repositories.open(wanted.repositoryId));
      const creating = checkouts.create({ mirror, name, sha: wanted.sha, branch: 'cyrus-verify', purpose: 'verify' });
      const remove = (checkout: Checkout): Promise<void> => checkouts.remove({ mirror, checkout });
      const checkout = await untilAborted(context.signal, creating, remove);
      try {
        return { result: { ...(await check({ ...options, job, wanted, context, mirror, checkout })) } };
      } finally {
        await remove(checkout);
      }
    } finally {
      underWay.delete(name);
    }
  };
}

/** Removes checkouts that an earlier service was checking in; nothing in them is worth keeping. */
async function sweep(checkouts: Checkouts, repositories: Repositories, underWay: ReadonlySet<string>): Promise<void> {
  for (const checkout of await checkouts.list()) {
    if (checkout.purpose !== 'verify' || underWay.has(checkout.name) || !repositories.config(checkout.repositoryId)) continue;
    await checkouts.remove({ mirror: await repositories.open(checkout.repositoryId), checkout });
  }
}

interface Checking extends VerifyRunnerOptions {
  readonly job: HostJob;
  readonly wanted: VerifyJob;
  readonly context: JobContext;
  readonly mirror: Mirror;
  readonly checkout: Checkout;
}

async function check(checking: Checking): Promise<VerifyResult> {
  const { wanted, context } = checking;
  const guarded = await guard(checking);
  const restored = guarded.filter((file) => file.changed).map((file) => file.path);
  const run = await commandRunner(checking);
  const checks: Check[] = [];
  const missing: string[] = [];
  const deadline = context.clock.now() + wanted.timeoutMs;

  if (wanted.setup) {
    const end = await run(wanted.setup.command, deadline);
    if (end.ended === 'not_started')
      return { ...verdict('not_run', [], `The setup command could not be started: ${end.output}`), restored };
    if (end.exitCode !== 0) {
      checks.push(checkOf(wanted.setup.command, end));
      return { ...verdict('failed', checks, reasonOf(end, 'The setup command failed')), restored };
    }
  }
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

async function guard({ wanted, mirror, base, context, job }: Checking): Promise<readonly GuardedFile[]> {
  const baseSha = await base(wanted.taskId ?? job.taskId ?? '');
  if (baseSha === undefined || (await mirror.resolve(baseSha)) === undefined) {
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

type Run = (command: string, deadline: number, stdin?: string) => Promise<CommandEnd>;

async function commandRunner({ job, wanted, context, checkout, sandbox, tools, environment, runPrefix }: Checking): Promise<Run> {
  const { env, readable } = tools();
  const home = join(dirname(checkout.directory), 'home');
  await mkdir(home, { recursive: true, mode: 0o700 });
  return async (command, deadline, stdin) => {
    const end = await runCommand({
      sandbox,
      clock: context.clock,
      signal: context.signal,
      timeoutMs: Math.max(0, deadline - context.clock.now()),
      outputBytes,
      ...(stdin === undefined ? {} : { stdin }),
      spec: {
        runId: `${runPrefix}${job.id}`,
        command: '/bin/sh',
        args: ['-c', command],
        cwd: checkout.directory,
        env: { ...env, ...environment(wanted.repositoryId), HOME: home },
        writable: [checkout.directory, home],
        readable: [...checkout.readable, ...readable],
        network: 'open',
      },
    });
    if (end.ended === 'aborted') throw new FailureError({ class: 'sandbox_lost', message: 'Stopped.' });
    return end;
  };
}

/** The program a command begins with; undefined where the shell begins with something of its own. */
function firstWord(command: string): string | undefined {
  return /^\s*(?:[A-Za-z_][A-Za-z0-9_]*=\S*\s+)*([A-Za-z0-9_.+-]+)(?:\s|$)/.exec(command)?.[1];
}

async function isThere(run: Run, word: string, deadline: number): Promise<boolean> {
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
