import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Checkouts } from 'cyrus-checkouts/checkouts';
import { FailureError } from 'cyrus-core/failure';
import type { Sandbox } from 'cyrus-core/ports/sandbox';
import type { Networks } from '../network/networks.ts';
import type { JobRunner } from '../supervisor/job-runner.ts';
import { checkoutAt } from './find-checkout.ts';
import type { Repositories } from './repositories.ts';
import { commandArguments, readScript, scriptArguments } from './repository-script.ts';
import { runCommand } from './run-command.ts';
import type { ToolEnvironment } from './tool-environment.ts';
import { readWorkplace, workplaceVariables, writeWorkplace } from './workplace.ts';

/** The payload of a `setup` job. Its result: `{output, exitCode, durationMs}`. */
export interface SetupJob {
  readonly repositoryId: string;
  readonly directory: string;
  /** What the configuration says; or a script of the repository as the base commit has it. */
  readonly command?: string;
  readonly script?: 'cyrus-setup.sh';
  /** Absent: what the configuration says of setup everywhere. */
  readonly timeoutMs?: number;
}

export interface SetupRunnerOptions {
  readonly checkouts: Checkouts;
  readonly repositories: Repositories;
  readonly setupTimeoutMs: () => number;
  readonly sandbox: Sandbox;
  readonly networks: Pick<Networks, 'use'>;
  readonly tools: () => ToolEnvironment;
  readonly environment: (repositoryId: string) => Readonly<Record<string, string>>;
  readonly runPrefix: string;
}

const outputBytes = 16 * 1024;

/** Runs a repository's setup command, or its `cyrus-setup.sh`, in a checkout: with the network that setup has, without secrets. */
export function createSetupRunner(options: SetupRunnerOptions): JobRunner {
  return async (job, { signal, clock }) => {
    const { repositoryId, directory, command, script, timeoutMs = options.setupTimeoutMs() } = job.payload as unknown as SetupJob;
    const checkout = await checkoutAt(options.checkouts, directory);
    const workplace = await readWorkplace(checkout);
    const text = script && workplace && (await readScript(await options.repositories.open(repositoryId), workplace.baseSha, script));
    const tools = options.tools();
    const home = join(dirname(directory), 'home');
    await mkdir(home, { recursive: true, mode: 0o700 });
    const runId = `${options.runPrefix}${job.id}`;
    const end = await options.networks.use({ ...job, runId, repositoryId, phase: 'setup' }, ({ network, env }) =>
      runCommand({
        sandbox: options.sandbox,
        clock,
        signal,
        timeoutMs,
        outputBytes,
        spec: {
          runId,
          command: '/bin/sh',
          args: text && script ? scriptArguments(directory, script, text) : commandArguments(command ?? ':'),
          cwd: directory,
          env: { ...tools.env, ...options.environment(repositoryId), ...workplaceVariables(checkout, workplace), ...env, HOME: home },
          writable: [directory, home],
          readable: [...checkout.readable, ...tools.readable],
          network,
        },
      }),
    );
    const result = { output: end.output, exitCode: end.exitCode, durationMs: end.durationMs };
    if (end.ended === 'aborted') throw new FailureError({ class: 'sandbox_lost', message: 'Stopped.' });
    if (end.ended === 'timed_out') {
      const fix = 'Raise setup.timeoutMs, or make the setup command faster. Then write here to try again.';
      return { failure: { class: 'setup_failed', message: `The setup command took longer than ${timeoutMs / 1000} s`, fix }, result };
    }
    if (end.ended === 'not_started')
      return { failure: { class: 'setup_failed', message: `The setup command could not be started: ${end.output}` } };
    if (end.exitCode === 0 && workplace) await writeWorkplace(checkout, { ...workplace, setUp: true });
    return { result };
  };
}
