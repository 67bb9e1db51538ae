import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { systemClock } from 'cyrus-core/clock';
import { type Failure, FailureError } from 'cyrus-core/failure';
import { codegenExecutor } from 'cyrus-edge-worker/executors';
import type { ExecutionEvent, RemoteWork, RunRef, RunResult, TaskExecutor } from 'cyrus-executor-interface/executor';
import { CliError, exitCode } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import { runCommand } from '../demo/git.ts';
import { describeEvent } from '../describe-event.ts';
import { onSignals } from '../signals.ts';
import { plain } from '../terminal.ts';

export interface CodegenTestOptions {
  readonly task: string;
  /** A checkout on this machine, or a name such as `acme/app`. */
  readonly repo?: string;
  readonly base?: string;
  readonly timeoutMinutes: number;
  readonly json?: boolean;
}

/** `cyrus codegen test --task "…"`: one real run, without issue, checks and plan. Progress on stderr, what it answered on stdout. */
export async function codegenTest({ config, terminal }: CommandContext, options: CodegenTestOptions): Promise<void> {
  if (options.task.trim() === '') throw new CliError('The task is empty.', { code: exitCode.usage, fix: 'Say what to do: --task "…"' });
  const executor = executorFor(config());
  const health = await executor.health();
  if (health.state !== 'ready') throw failed(health.failure ?? { class: 'network', message: health.detail });
  terminal.err(plain(health.detail));
  const id = randomUUID();
  const remote =
    options.repo === undefined ? undefined : await remoteOf(options.repo, options.base, `cyrus/codegen-test-${id.slice(0, 8)}`);
  if (!remote) terminal.err('No --repo: Codegen itself chooses the repository.');
  const began = systemClock.now();
  const ref = await begin(executor, options, id, remote);
  terminal.err(`run ${ref.runId}${ref.url === undefined ? '' : `: ${plain(ref.url)}`}`);
  let stopping = false;
  onSignals(
    () => {
      stopping = true;
      terminal.err('Asking Codegen to stop the run. Press again to end this command at once.');
      void stop(executor, ref, (line) => terminal.err(line));
    },
    () => process.exit(exitCode.failed),
  );
  const result = await follow(executor, ref, (line) => terminal.err(plain(line)));
  const ok = result.state === 'succeeded' && !stopping;
  const { state, output, branch = null, pullRequestUrl = null, failure } = result;
  if (options.json) {
    const run = { ok, state, runId: ref.runId, url: ref.url ?? null, branch, pullRequestUrl, output };
    terminal.out(JSON.stringify({ ...run, failure: failure ?? null, durationMs: systemClock.now() - began }));
  } else {
    terminal.out(plain(output || failure?.message || `The run is ${state}.`));
    if (pullRequestUrl !== null) terminal.out(`\nPull request: ${plain(pullRequestUrl)}`);
    else if (branch !== null) terminal.out(`\nBranch: ${plain(branch)}`);
    if (failure && output) terminal.err(`${state}: ${plain(failure.message)}`);
  }
  if (!ok) process.exitCode = exitCode.failed;
}

/** The configured executor, whether it is enabled or not: this is how it is tried before. */
function executorFor(config: ReturnType<CommandContext['config']>): TaskExecutor {
  const { codegen } = config;
  const executor =
    codegen?.apiToken === undefined || codegen.orgId === undefined
      ? undefined
      : codegenExecutor({ ...config, codegen: { ...codegen, enabled: true } }, systemClock, { random: Math.random });
  if (executor) return executor;
  throw new CliError('Codegen is not configured: its API token or its organisation is missing.', {
    code: exitCode.configuration,
    fix: 'Run cyrus codegen setup, or set CODEGEN_API_TOKEN and CODEGEN_ORG_ID.',
  });
}

async function begin(executor: TaskExecutor, options: CodegenTestOptions, id: string, remote: RemoteWork | undefined): Promise<RunRef> {
  const key = { attemptId: id, number: 1 };
  try {
    return await executor.start(
      {
        prompt: options.task,
        conversation: { id, resume: false, directory: '' },
        workingDirectory: '',
        readable: [],
        timeoutMs: options.timeoutMinutes * 60_000,
        ...(remote ? { remote } : {}),
      },
      key,
    );
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    // It may be there all the same; what is found is this run and no other.
    const found = error.failure.ambiguous ? await executor.find(key).catch(() => undefined) : undefined;
    if (found) return found;
    throw failed(error.failure);
  }
}

async function follow(executor: TaskExecutor, ref: RunRef, show: (line: string) => void): Promise<RunResult> {
  for await (const event of executor.attach(ref)) {
    if (event.type === 'complete') return event.result;
    const line = lineOf(event);
    if (line !== null) show(line);
  }
  throw new CliError('The run ended without saying how.');
}

function lineOf(event: ExecutionEvent): string | null {
  const nowhere = { number: 0, sessionId: null, planId: null, attemptId: null, at: 0 };
  return describeEvent({ ...nowhere, type: event.type, payload: { ...event } });
}

async function stop(executor: TaskExecutor, ref: RunRef, say: (line: string) => void): Promise<void> {
  const outcome = await executor.stop(ref).catch((error: unknown) => String(error));
  const words: Readonly<Record<string, string>> = {
    confirmed: 'The run has stopped.',
    requested: 'Codegen was asked to stop the run.',
    unsupported: `Codegen stops runs by their pull request only, and this one has none yet. Stop it there: ${ref.url ?? ref.runId}`,
  };
  say(words[outcome] ?? `The run could not be stopped: ${outcome}`);
}

/** What the run works on: the origin of a checkout here, or a repository by its name. */
async function remoteOf(repo: string, base: string | undefined, pushBranch: string): Promise<RemoteWork> {
  const directory = resolve(repo);
  const isHere = (await stat(directory).catch(() => null))?.isDirectory() ?? false;
  if (!isHere && /^[\w.-]+\/[\w.-]+$/.test(repo)) {
    const branch = base ?? 'main';
    return {
      repositoryUrl: `https://github.com/${repo}.git`,
      repositoryName: repo,
      startBranch: branch,
      startSha: '',
      baseBranch: branch,
      pushBranch,
    };
  }
  if (!isHere)
    throw new CliError(`There is no directory ${directory}.`, {
      code: exitCode.usage,
      fix: 'Give --repo PATH of a checkout, or --repo OWNER/NAME.',
    });
  const git = async (...args: readonly string[]): Promise<string | undefined> => {
    const { code, output } = await runCommand('git', args, directory);
    return code === 0 ? output.trim() : undefined;
  };
  const url = await git('remote', 'get-url', 'origin');
  if (url === undefined)
    throw new CliError(`${directory} has no remote called origin that Codegen could work on.`, {
      code: exitCode.usage,
      fix: 'Name the repository: --repo OWNER/NAME.',
    });
  const head = await git('symbolic-ref', '--short', 'refs/remotes/origin/HEAD');
  const branch = base ?? head?.replace(/^origin\//, '') ?? 'main';
  const startSha = (await git('rev-parse', '--verify', '--quiet', `refs/remotes/origin/${branch}`)) ?? '';
  return { repositoryUrl: withoutLogin(url), startBranch: branch, startSha, baseBranch: branch, pushBranch };
}

const withoutLogin = (url: string): string => url.replace(/^(\w+:\/\/)[^@/]+@/, '$1');

const failed = ({ message, fix }: Failure): CliError => new CliError(message, fix === undefined ? {} : { fix });
