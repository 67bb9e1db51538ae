import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Checkouts } from 'cyrus-checkouts/checkouts';
import { FailureError } from 'cyrus-core/failure';
import type { Sandbox } from 'cyrus-core/ports/sandbox';
import type { JobRunner } from '../supervisor/job-runner.ts';
import { checkoutAt } from './find-checkout.ts';
import { runCommand } from './run-command.ts';
import type { ToolEnvironment } from './tool-environment.ts';

/** The payload of a `setup` job. Its result: `{output, exitCode, durationMs}`. */
export interface SetupJob {
  readonly repositoryId: string;
  readonly directory: string;
  readonly command: string;
  readonly timeoutMs: number;
}

export interface SetupRunnerOptions {
  readonly checkouts: Checkouts;
  readonly sandbox: Sandbox;
  readonly tools: () => ToolEnvironment;
  readonly environment: (repositoryId: string) => Readonly<Record<string, string>>;
  readonly runPrefix: string;
}

const outputBytes = 16 * 1024;

/** Runs a repository's setup command in a checkout: with network, without secrets. */
export function createSetupRunner(options: SetupRunnerOptions): JobRunner {
  return async (job, { signal, clock }) => {
    const { repositoryId, directory, command, timeoutMs } = job.payload as unknown as SetupJob;
    const checkout = await checkoutAt(options.checkouts, directory);
    const tools = options.tools();
    const home = join(dirname(directory), 'home');
    await mkdir(home, { recursive: true, mode: 0o700 });
    const end = await runCommand({
      sandbox: options.sandbox,
      clock,
      signal,
      timeoutMs,
      outputBytes,
      spec: {
        runId: `${options.runPrefix}${job.id}`,
        command: '/bin/sh',
        args: ['-c', command],
        cwd: directory,
        env: { ...tools.env, ...options.environment(repositoryId), HOME: home },
        writable: [directory, home],
        readable: [...checkout.readable, ...tools.readable],
        network: 'open',
      },
    });
    const result = { output: end.output, exitCode: end.exitCode, durationMs: end.durationMs };
    if (end.ended === 'aborted') throw new FailureError({ class: 'sandbox_lost', message: 'Stopped.' });
    if (end.ended === 'timed_out') {
      return { failure: { class: 'setup_failed', message: `The setup command took longer than ${timeoutMs / 1000} s` }, result };
    }
    if (end.ended === 'not_started')
      return { failure: { class: 'setup_failed', message: `The setup command could not be started: ${end.output}` } };
    return { result };
  };
}
