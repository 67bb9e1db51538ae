import type { Checkouts } from 'cyrus-checkouts/checkouts';
import type { Clock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import { type Failure, FailureError } from 'cyrus-core/failure';
import type { Result } from 'cyrus-core/result';
import { createGitHub } from 'cyrus-github/client';
import type { CodeHost, PullRequest } from 'cyrus-github/code-host';
import type { RepositoryRef } from 'cyrus-github/repository';
import type { GithubCredentials } from '../github-credentials.ts';
import { createRepositories } from '../jobs/repositories.ts';
import { decideReady } from './decide-ready.ts';
import { outcomeOfFailure, type Perform, rejected, type WriteOutcome } from './outcome.ts';

export interface GithubOptions {
  readonly checkouts: Pick<Checkouts, 'mirror'>;
  readonly config: () => Config;
  readonly clock: Clock;
  readonly github: Pick<GithubCredentials, 'source'>;
}

/** The payload of a `pull-request`. */
interface PullRequestPayload {
  readonly repositoryId: string;
  readonly head: string;
  /** Null: the repository's default branch. */
  readonly base: string | null;
  readonly title: string;
  readonly body: string;
  /** The plan's id: the pull request is recognised by it. */
  readonly marker: string;
  /** `draft`: opened as a draft; `ready`: a draft of ours is marked ready. Absent: neither. */
  readonly review?: 'draft' | 'ready';
}

/** The payload of a `ready-for-review`: a draft that waits for its checks. */
interface ReadyPayload {
  readonly repositoryId: string;
  readonly number: number;
  /** The commit whose checks count. */
  readonly sha: string;
  /** When the waiting began. */
  readonly since: number;
}

interface Place {
  readonly host: CodeHost;
  readonly repository: RepositoryRef;
}

/**
 * The pull requests of plans: opened once (looked up by branch and mark before, and again when an answer is lost), our part of an open one
 * brought up to date, drafts marked ready when their checks have passed.
 */
export function performGithub({ checkouts, config, clock, github }: GithubOptions): Perform {
  const repositories = createRepositories(checkouts, config, github);

  return async (write, signal) => {
    const { repositoryId } = write.payload as unknown as { readonly repositoryId: string };
    try {
      if (write.kind !== 'pull-request' && write.kind !== 'ready-for-review') return rejected(`GitHub has no write ${write.kind}`);
      const access = await repositories.access(repositoryId);
      // The branch is pushed: that is as far as it goes without a code host, and no failure of the work.
      if (!access) return { state: 'sent', result: { none: `The remote of ${repositoryId} is not on GitHub, or no token is set for it.` } };
      const { repository, apiUrl } = access;
      const place = { repository, host: createGitHub({ apiUrl, token: github.source(access), clock }) };
      const outcome = await (write.kind === 'pull-request'
        ? publish(place, write.payload as unknown as PullRequestPayload, signal)
        : ready(place, write.payload as unknown as ReadyPayload, clock.now()));
      return outcome.state === 'rejected' ? outcome : { ...outcome, subject: repositoryId };
    } catch (error) {
      if (error instanceof FailureError) return outcomeOfFailure(error.failure, repositoryId);
      throw error;
    }
  };
}

async function publish({ host, repository }: Place, payload: PullRequestPayload, signal: AbortSignal): Promise<WriteOutcome> {
  const { head, title, body, marker: planId, review } = payload;
  const base = payload.base ?? orThrow(await host.getRepository(repository)).defaultBranch;
  const draft = review === 'draft';
  const ensured = orThrow(await host.ensurePullRequest({ repository, head, base, title, body, planId, draft, signal }));
  const { number, url, created } = ensured;
  let pull: PullRequest = ensured;
  if (!created && pull.state === 'open') {
    pull = orThrow(await host.renewPullRequest({ repository, number, title, body, planId }));
    if (review === 'ready' && pull.draft) pull = orThrow(await host.markReady({ repository, number }));
  }
  return { state: 'sent', result: { number, url, created, ...(pull.draft ? { draft: true } : {}) } };
}

async function ready({ host, repository }: Place, { number, sha, since }: ReadyPayload, now: number): Promise<WriteOutcome> {
  const pull = orThrow(await host.getPullRequest({ repository, number }));
  const checks = pull.state === 'open' && pull.draft && pull.headSha === sha ? await host.readChecks({ repository, sha }) : null;
  // A token that may do everything else is no credential that has failed.
  if (checks && !checks.ok && checks.error.class === 'auth') return { state: 'sent', result: { ready: false, left: checks.error.message } };
  const next = decideReady(checks === null ? null : orThrow(checks).state, since, now);
  if (next.do === 'wait') return { state: 'retry', failure: next.failure };
  if (next.do === 'ready') orThrow(await host.markReady({ repository, number }));
  return { state: 'sent', result: { ready: next.do === 'ready', ...(next.do === 'leave' ? { left: next.why } : {}) } };
}

function orThrow<T>(result: Result<T, Failure>): T {
  if (!result.ok) throw new FailureError(result.error);
  return result.value;
}
