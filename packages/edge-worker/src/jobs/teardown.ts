import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Checkout } from 'cyrus-checkouts/checkout';
import type { Mirror } from 'cyrus-checkouts/mirror';
import { FailureError } from 'cyrus-core/failure';
import type { Sandbox } from 'cyrus-core/ports/sandbox';
import type { Networks, NetworkUser } from '../network/networks.ts';
import type { JobContext } from '../supervisor/job-runner.ts';
import type { Repositories } from './repositories.ts';
import { commandArguments, readScript, scriptArguments } from './repository-script.ts';
import { runCommand } from './run-command.ts';
import type { ToolEnvironment } from './tool-environment.ts';
import { readWorkplace, workplaceVariables, writeWorkplace } from './workplace.ts';

export interface TeardownOptions {
  readonly repositories: Repositories;
  readonly sandbox: Sandbox;
  readonly networks: Pick<Networks, 'use'>;
  readonly tools: () => ToolEnvironment;
  readonly environment: (repositoryId: string) => Readonly<Record<string, string>>;
  /** Where the configuration of the repository says nothing. */
  readonly teardownTimeoutMs: () => number;
  readonly runPrefix: string;
}

/** How the teardown of a checkout went. */
export interface Teardown {
  readonly command: string;
  readonly ok: boolean;
  readonly exitCode: number | null;
  readonly durationMs: number;
  /** The end of what it wrote, and what befell it. */
  readonly output: string;
}

const outputBytes = 4 * 1024;
const script = 'cyrus-teardown.sh';

/**
 * Runs the repository's teardown command in a checkout that is about to be deleted, once: in the sandbox, with the environment that setup
 * had. Its failure is told and holds nothing up. Undefined: there is none, or it has been run.
 * @throws FailureError `sandbox_lost` when it is cut off by the end of the service: it is run again then
 */
export async function tearDown(
  options: TeardownOptions,
  request: { readonly repositoryId: string; readonly mirror: Mirror; readonly checkout: Checkout; readonly runId: string },
  context: Pick<JobContext, 'signal' | 'clock' | 'log'>,
): Promise<Teardown | undefined> {
  const { repositoryId, mirror, checkout } = request;
  const workplace = await readWorkplace(checkout);
  if (workplace === undefined || workplace.tornDown) return undefined;
  const configured = options.repositories.config(repositoryId)?.teardown;
  const text = configured === undefined ? await readScript(mirror, workplace.baseSha, script) : undefined;
  if (configured === undefined && text === undefined) return undefined;
  const command = configured?.command ?? script;
  const timeoutMs = configured?.timeoutMs ?? options.teardownTimeoutMs();
  const tools = options.tools();
  const home = join(dirname(checkout.directory), 'home');
  await mkdir(home, { recursive: true, mode: 0o700 });
  const runId = `${options.runPrefix}${request.runId}`;
  const nobody = { sessionId: null, planId: null, taskId: workplace.taskId, attemptId: null };
  const user: NetworkUser = { ...nobody, runId, repositoryId, phase: 'teardown' };
  const end = await options.networks.use(user, ({ network, env }) =>
    runCommand({
      sandbox: options.sandbox,
      clock: context.clock,
      signal: context.signal,
      timeoutMs,
      outputBytes,
      spec: {
        runId,
        command: '/bin/sh',
        args: text === undefined ? commandArguments(command) : scriptArguments(checkout.directory, script, text),
        cwd: checkout.directory,
        env: { ...tools.env, ...options.environment(repositoryId), ...workplaceVariables(checkout, workplace), ...env, HOME: home },
        writable: [checkout.directory, home],
        readable: [...checkout.readable, ...tools.readable],
        network,
      },
    }),
  );
  if (end.ended === 'aborted') throw new FailureError({ class: 'sandbox_lost', message: 'Stopped.' });
  await writeWorkplace(checkout, { ...workplace, tornDown: true });
  const ok = end.ended === 'exited' && end.exitCode === 0;
  const note = end.ended === 'timed_out' ? `\n[took longer than ${timeoutMs / 1000} s and was ended]` : '';
  const done = { command, ok, exitCode: end.exitCode, durationMs: end.durationMs, output: `${end.output}${note}` };
  if (!ok)
    context.log.warn({ ...done, directory: checkout.directory }, 'the teardown of a checkout failed; the checkout is deleted all the same');
  return done;
}
