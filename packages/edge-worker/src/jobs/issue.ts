import { type Failure, FailureError } from 'cyrus-core/failure';
import type { LinearClient } from 'cyrus-linear/client';
import type { LinearProblem } from 'cyrus-linear/problem';
import { readIssue } from 'cyrus-linear/read-issue';
import type { JobRunner } from '../supervisor/job-runner.ts';
import type { Analyst } from './ask-analysis.ts';

/** The payload of an `issue` job. Its result: `{issue}`. */
export interface IssueJob {
  readonly workspace: string;
  readonly issueId: string;
}

export interface IssueRunnerOptions {
  /** The client of a workspace; undefined when there is no token for it. */
  readonly linear: (workspace: string) => Promise<LinearClient | undefined>;
  /** In [0, 1); spreads retries. */
  readonly random: () => number;
  /** Has a look at what was read; never fails. Absent: nobody does. */
  readonly analyst?: Analyst;
  /** Looks what became of the issue's pull request, so that nothing begins on a branch that was merged; never fails. */
  readonly pullRequest?: (issueId: string, signal: AbortSignal) => Promise<void>;
}

const giveUpMs = 24 * 3_600_000;
const longestWaitMs = 60_000;

/** Linear makes no difference between what is not there and what we may not see. */
const isGone = ({ said, failure }: LinearProblem): boolean => failure.class === 'auth' || said.some((text) => /not found/i.test(text));

const outOfSight: Failure = {
  class: 'invalid_request',
  message: 'The issue cannot be read: it was deleted, or the app has no access to its team.',
  fix: 'Give the app access to the team in Linear’s settings, then write here again.',
};

/** Reads an issue; an outage or a limit of the tracker is waited out, for a day at most. */
export function createIssueRunner(options: IssueRunnerOptions): JobRunner {
  return async (job, { signal, clock, log }) => {
    const { workspace, issueId } = job.payload as unknown as IssueJob;
    const client = await options.linear(workspace);
    if (!client) {
      const message = `There is no Linear token for the workspace ${workspace}.`;
      return {
        failure: { class: 'auth', message, fix: 'Log in with cyrus linear login, or set linear.token, or linearWorkspaces for several.' },
      };
    }
    await options.pullRequest?.(issueId, signal);
    const deadline = clock.now() + giveUpMs;
    for (let tries = 0; ; tries++) {
      const answer = await readIssue(client, issueId, signal);
      if (answer.ok) {
        await options.analyst?.(answer.value, signal, log);
        return { result: { issue: answer.value } };
      }
      const { action, failure } = answer.error;
      if (signal.aborted) throw new FailureError(failure);
      if (action === 'rejected') return { failure: isGone(answer.error) ? outOfSight : failure };
      if (clock.now() > deadline) return { failure };
      const backoff = Math.min(longestWaitMs, 500 * 2 ** tries) * (0.5 + options.random() / 2);
      const waitMs = Math.max(backoff, failure.retryAt === undefined ? 0 : failure.retryAt - clock.now());
      log.warn({ issueId, failure: failure.message, waitMs: Math.round(waitMs) }, 'the issue cannot be read yet');
      await clock.sleep(Math.min(waitMs, deadline - clock.now() + 1), signal);
    }
  };
}
