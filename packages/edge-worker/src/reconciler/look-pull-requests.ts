import type { Clock } from 'cyrus-core/clock';
import type { Failure } from 'cyrus-core/failure';
import { FailureError } from 'cyrus-core/failure';
import { createGitHub } from 'cyrus-github/client';
import type { CodeHost } from 'cyrus-github/code-host';
import type { RepositoryRef } from 'cyrus-github/repository';
import type { Log } from 'cyrus-store/log';
import type { Database } from 'cyrus-store/pool';
import { tellPullRequest } from 'cyrus-store/queries/pull-request-tell';
import { openPullRequests } from 'cyrus-store/queries/pull-requests-open';
import type { GithubCredentials } from '../github-credentials.ts';
import { pullRequestNumber } from '../jobs/pull-request-head.ts';
import type { Repositories } from '../jobs/repositories.ts';

export interface LookAtPullRequestsOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly repositories: Pick<Repositories, 'access'>;
  readonly github: Pick<GithubCredentials, 'source'>;
  readonly signal: AbortSignal;
  /** Of this issue alone. */
  readonly issueId?: string;
}

/** Pull requests of work that was over long ago are a person's business. */
const overForMs = 30 * 24 * 3_600_000;
const atMost = 200;
/** So few of a repository are asked for one by one; more by the list of those that are open. */
const few = 2;

/**
 * Asks the code host what became of pull requests that are open as far as is known, and tells their plans. A call a repository and
 * page of its open pull requests, down to our oldest, and one for each that is not among them. Resolves with what failed.
 */
export async function lookAtPullRequests(options: LookAtPullRequestsOptions): Promise<readonly Failure[]> {
  const { db, log, signal, issueId } = options;
  const endedAfter = (await db.now()) - overForMs;
  const open = await openPullRequests(db, { endedAfter, limit: atMost, ...(issueId === undefined ? {} : { issueId }) });
  const failures: Failure[] = [];
  for (const repositoryId of new Set(open.map((pull) => pull.repositoryId))) {
    if (signal.aborted) return failures;
    try {
      await lookAtRepository(
        options,
        repositoryId,
        open.filter((pull) => pull.repositoryId === repositoryId).map(({ url }) => url),
      );
    } catch (error) {
      if (!(error instanceof FailureError)) throw error;
      const { failure } = error;
      // A repository that is configured no more, or that may not be seen any more: nothing will be heard of it.
      if (failure.class === 'invalid_request' || failure.class === 'auth')
        log.debug({ repositoryId, failure }, 'what became of pull requests cannot be asked');
      else failures.push(failure);
      // The next repository would meet the same limit.
      if (failure.class === 'rate_limited') return failures;
    }
  }
  return failures;
}

/** Whoever waits to begin waits no longer for a code host that is slow. */
const beginsWithinMs = 5_000;

/** The look before work on an issue goes on: in a few seconds or not at all; it never fails. */
export function lookInTime(
  options: Omit<LookAtPullRequestsOptions, 'signal' | 'issueId'>,
): (issueId: string, signal: AbortSignal) => Promise<void> {
  return async (issueId, signal) => {
    const over = new AbortController();
    const both = AbortSignal.any([signal, over.signal]);
    const looked = lookAtPullRequests({ ...options, issueId, signal: both }).catch((error) =>
      options.log.debug({ issueId, error: String(error) }, 'what became of a pull request cannot be asked'),
    );
    await Promise.race([looked, options.clock.sleep(beginsWithinMs, both)]);
    over.abort();
  };
}

async function lookAtRepository(options: LookAtPullRequestsOptions, repositoryId: string, urls: readonly string[]): Promise<void> {
  const { db, clock, log, signal } = options;
  const access = await options.repositories.access(repositoryId);
  if (!access) return;
  const { repository, apiUrl } = access;
  // Whoever gives up, or shuts down, does not wait for answers that are still on their way.
  const until: typeof fetch = (input, init) =>
    fetch(input, { ...init, signal: AbortSignal.any([signal, ...(init?.signal ? [init.signal] : [])]) });
  const host = createGitHub({ apiUrl, token: options.github.source(access), clock, fetch: until });
  // Its remote may be another repository by now.
  const ours = urls.flatMap((url) => {
    const number = pullRequestNumber(url, repository);
    return number === undefined ? [] : [{ url, number }];
  });
  const open = ours.length <= few ? new Set<number>() : await openNumbers(host, repository, Math.min(...ours.map(({ number }) => number)));
  for (const { url, number } of ours) {
    if (signal.aborted) return;
    if (open.has(number)) continue;
    const pull = await host.getPullRequest({ repository, number });
    if (!pull.ok) {
      if (pull.error.class === 'invalid_request') continue;
      throw new FailureError(pull.error);
    }
    const { state } = pull.value;
    if (state === 'open') continue;
    const told = await db.tx((tx) => tellPullRequest(tx, url, state));
    if (told > 0) log.info({ url, state }, 'people have ended a pull request');
  }
}

async function openNumbers(host: CodeHost, repository: RepositoryRef, oldest: number): Promise<ReadonlySet<number>> {
  const listed = await host.listOpenPullRequests({ repository, oldest });
  if (!listed.ok) throw new FailureError(listed.error);
  return new Set(listed.value);
}
