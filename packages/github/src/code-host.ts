import type { Failure } from 'cyrus-core/failure';
import type { Result } from 'cyrus-core/result';
import type { RepositoryRef } from './repository.ts';

export interface PullRequest {
  readonly number: number;
  /** For people. */
  readonly url: string;
  readonly title: string;
  readonly body: string;
  readonly state: 'open' | 'closed' | 'merged';
  readonly draft: boolean;
  readonly head: string;
  readonly headSha: string;
  readonly base: string;
  readonly mergeCommitSha?: string;
  /** Absent: not known, or still being computed. */
  readonly mergeable?: boolean;
  /** The plan whose marker the body bears. */
  readonly planId?: string;
}

export interface EnsuredPullRequest extends PullRequest {
  /** True when this very call is known to have opened it. */
  readonly created: boolean;
}

export type CheckState = 'pending' | 'success' | 'failure';

export interface Check {
  readonly name: string;
  readonly state: CheckState;
  readonly url?: string;
  /** One line of what it said. */
  readonly summary?: string;
  /** What it said beyond that, in Markdown, cut to a few thousand characters; of failed check runs alone. */
  readonly detail?: string;
}

export interface Checks {
  /** `failure` as soon as one has failed; `none` when nothing reports on the commit. */
  readonly state: CheckState | 'none';
  readonly items: readonly Check[];
}

export interface FindPullRequest {
  readonly repository: RepositoryRef;
  /** A branch, or `owner:branch` for a fork's. */
  readonly head: string;
  readonly base?: string;
  /** Closed ones that bear another plan's marker are passed over. */
  readonly planId?: string;
}

export interface EnsurePullRequest {
  readonly repository: RepositoryRef;
  readonly head: string;
  readonly base: string;
  readonly title: string;
  /** Of our section; people may write around it. */
  readonly body: string;
  readonly draft?: boolean;
  /** Put into the body as a hidden marker; the pull request is recognised by it. Letters, digits, `_`, `.`, `:`, `-`, at most 200. */
  readonly planId: string;
  /** Once it aborts nothing is opened any more. */
  readonly signal?: AbortSignal;
}

export interface RenewPullRequest {
  readonly repository: RepositoryRef;
  readonly number: number;
  readonly title: string;
  /** Of our section. */
  readonly body: string;
  /** Whose pull request it is from now on. */
  readonly planId: string;
}

/**
 * A host of repositories and pull requests. Expected failures: `network` (no answer or 5xx: the effect may have happened),
 * `rate_limited` with `retryAt`, `auth`, `invalid_request`. Titles and bodies are cleaned and cut to what the host takes.
 */
export interface CodeHost {
  /** The login the token belongs to. */
  whoAmI(): Promise<Result<{ readonly login: string }, Failure>>;
  getRepository(repository: RepositoryRef): Promise<Result<{ readonly defaultBranch: string; readonly archived: boolean }, Failure>>;
  /** The pull request of a head branch, open or not: an open one first, else the newest. */
  findPullRequest(request: FindPullRequest): Promise<Result<PullRequest | undefined, Failure>>;
  /**
   * The one pull request of a head branch, opened when there is none. Safe to repeat after a lost answer, and at the same time elsewhere.
   * An existing one is returned as it is, closed or merged or against another base included: what to do about that is the caller's decision.
   */
  ensurePullRequest(request: EnsurePullRequest): Promise<Result<EnsuredPullRequest, Failure>>;
  getPullRequest(request: { readonly repository: RepositoryRef; readonly number: number }): Promise<Result<PullRequest, Failure>>;
  /**
   * The numbers of open pull requests, newest first, down to `oldest`; of a repository with very many of them the newest 500. One
   * that is not among them may be open all the same.
   */
  listOpenPullRequests(request: {
    readonly repository: RepositoryRef;
    readonly oldest: number;
  }): Promise<Result<readonly number[], Failure>>;
  /**
   * Brings our part of a pull request up to date: our section of the body, and the title as long as it is the one we wrote last.
   * What people wrote stays; one without our section is left alone. Safe to repeat: nothing is sent when nothing changes.
   */
  renewPullRequest(request: RenewPullRequest): Promise<Result<PullRequest, Failure>>;
  /** Takes the draft off a pull request; one that is none, or not open, stays as it is. */
  markReady(request: { readonly repository: RepositoryRef; readonly number: number }): Promise<Result<PullRequest, Failure>>;
  /** Closes a pull request without merging it; one that is not open stays as it is. */
  closePullRequest(request: { readonly repository: RepositoryRef; readonly number: number }): Promise<Result<PullRequest, Failure>>;
  /** Deletes a branch whose head is still `sha`. False: it is gone, or has moved. */
  deleteBranch(request: {
    readonly repository: RepositoryRef;
    readonly branch: string;
    readonly sha: string;
  }): Promise<Result<boolean, Failure>>;
  /** Writes a comment once per `key`: one that bears it already is returned instead. */
  comment(request: {
    readonly repository: RepositoryRef;
    readonly number: number;
    readonly body: string;
    readonly key: string;
  }): Promise<Result<{ readonly id: number; readonly url: string; readonly created: boolean }, Failure>>;
  /** What check runs and commit statuses say about a commit. */
  readChecks(request: { readonly repository: RepositoryRef; readonly sha: string }): Promise<Result<Checks, Failure>>;
}
