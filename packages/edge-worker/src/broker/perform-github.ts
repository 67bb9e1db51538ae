import type { Checkouts } from 'cyrus-checkouts/checkouts';
import type { Clock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import { type Failure, FailureError } from 'cyrus-core/failure';
import type { Result } from 'cyrus-core/result';
import { createGitHub } from 'cyrus-github/client';
import type { Check, CodeHost, PullRequest } from 'cyrus-github/code-host';
import type { RepositoryRef } from 'cyrus-github/repository';
import type { GithubCredentials } from '../github-credentials.ts';
import { createRepositories } from '../jobs/repositories.ts';
import { decideChecks } from './decide-checks.ts';
import { outcomeOfFailure, type Perform, rejected, type WriteOutcome } from './outcome.ts';
import { type RetireRun, retireRun } from './retire-run.ts';

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

/** The payload of a `pull-request-checks`: a plan waits for the checks of its pull request. */
interface ChecksPayload {
  readonly repositoryId: string;
  readonly number: number;
  /** The commit whose checks count. */
  readonly sha: string;
  /** When the waiting began, and how long it may take. */
  readonly since: number;
  readonly timeoutMs: number;
  /** Once they have passed, a draft is marked as ready for review. */
  readonly markReady: boolean;
}

interface Place {
  readonly host: CodeHost;
  readonly repository: RepositoryRef;
}

const kinds: ReadonlySet<string> = new Set(['pull-request', 'pull-request-checks', 'retire-run']);

/**
 * The pull requests of plans: opened once (looked up by branch and mark before, and again when an answer is lost), our part of an open one
 * brought up to date, their checks waited for, drafts marked ready when these have passed.
 */
export function performGithub({ checkouts, config, clock, github }: GithubOptions): Perform {
  const repositories = createRepositories(checkouts, config, github);

  return async (write, signal) => {
    const { repositoryId } = write.payload as unknown as { readonly repositoryId: string };
    try {
      if (!kinds.has(write.kind)) return rejected(`GitHub has no write ${write.kind}`);
      const access = await repositories.access(repositoryId);
      // The branch is pushed: that is as far as it goes without a code host, and no failure of the work.
      if (!access) return { state: 'sent', result: { none: `The remote of ${repositoryId} is not on GitHub, or no token is set for it.` } };
      const { repository, apiUrl } = access;
      const place = { repository, host: createGitHub({ apiUrl, token: github.source(access), clock }) };
      const outcome = await (write.kind === 'pull-request'
        ? publish(place, write.payload as unknown as PullRequestPayload, signal)
        : write.kind === 'retire-run'
          ? retireRun(place, write.payload as unknown as RetireRun)
          : awaitChecks(place, write.payload as unknown as ChecksPayload, clock.now()));
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
  // Merged or closed, and bearing the plan's mark: it is not opened again.
  const ended = pull.state === 'open' ? {} : { state: pull.state };
  return { state: 'sent', result: { number, url, created, ...ended, ...(pull.draft ? { draft: true } : {}) } };
}

/** Looks once: the write is tried again until the checks are over, or nobody is to wait any longer. */
async function awaitChecks({ host, repository }: Place, payload: ChecksPayload, now: number): Promise<WriteOutcome> {
  const { number, sha, since, timeoutMs, markReady } = payload;
  const pull = orThrow(await host.getPullRequest({ repository, number }));
  const read = pull.state === 'open' && pull.headSha === sha ? await host.readChecks({ repository, sha }) : null;
  const ended = { sha, waitedMs: Math.max(0, now - since), draft: pull.draft };
  // A token that may do everything else is no credential that has failed.
  if (read && !read.ok && read.error.class === 'auth')
    return { state: 'sent', result: { ...ended, state: 'unreadable', checks: [], why: read.error.message } };
  const checks = read === null ? null : orThrow(read);
  const next = decideChecks({ pull, checks: checks?.state ?? null, sha, since, timeoutMs }, now);
  if (next.do === 'wait') return { state: 'retry', failure: next.failure };
  const made = next.state === 'success' && markReady && pull.draft;
  if (made) orThrow(await host.markReady({ repository, number }));
  const told = (checks?.items ?? [])
    .filter(({ state }) => state !== 'pending')
    .map((item) => ({ name: item.name, failed: item.state === 'failure', output: outputOf(item) }));
  // A hundred names are enough; those that failed come first.
  const most = [...told.filter(({ failed }) => failed), ...told.filter(({ failed }) => !failed)].slice(0, 100);
  return { state: 'sent', result: { ...ended, state: next.state, checks: most, draft: pull.draft && !made } };
}

/** What a failed check said, as far as the host tells it; its log is at the address. */
const outputOf = ({ state, summary, detail, url }: Check): string =>
  state === 'failure' ? [summary, detail, url && `Its log: ${url}`].filter(Boolean).join('\n') : '';

function orThrow<T>(result: Result<T, Failure>): T {
  if (!result.ok) throw new FailureError(result.error);
  return result.value;
}
