import { type Clock, systemClock } from 'cyrus-core/clock';
import { ok } from 'cyrus-core/result';
import { deleteBranch } from './branches.ts';
import { readChecks } from './checks.ts';
import type { CodeHost } from './code-host.ts';
import { comment } from './comments.ts';
import { connect } from './connection.ts';
import {
  closePullRequest,
  ensurePullRequest,
  findPullRequest,
  getPullRequest,
  listOpenPullRequests,
  markReady,
  renewPullRequest,
} from './pull-requests.ts';
import { fullName } from './repository.ts';
import { fixedToken, type TokenSource } from './token-source.ts';

export interface GitHubOptions {
  /** Base of the REST API; default `https://api.github.com`. */
  readonly apiUrl?: string;
  /** A personal access token, or where tokens come from. */
  readonly token: string | TokenSource;
  readonly clock?: Clock;
  readonly fetch?: typeof globalThis.fetch;
  /** For one call; default 30 s. */
  readonly timeoutMs?: number;
}

/** GitHub as the code host. Calls are neither repeated nor slowed down here: whoever calls decides from the failure. */
export function createGitHub(options: GitHubOptions): CodeHost {
  const connection = connect({
    apiUrl: options.apiUrl ?? 'https://api.github.com',
    source: typeof options.token === 'string' ? fixedToken(options.token) : options.token,
    clock: options.clock ?? systemClock,
    fetch: options.fetch ?? globalThis.fetch,
    timeoutMs: options.timeoutMs ?? 30_000,
  });
  return {
    async whoAmI() {
      const user = await connection.call('asking who the token belongs to', (octokit) => octokit.rest.users.getAuthenticated());
      return user.ok ? ok({ login: user.value.login }) : user;
    },
    async getRepository(repository) {
      const got = await connection.call(`reading the repository ${fullName(repository)}`, (octokit) =>
        octokit.rest.repos.get({ owner: repository.owner, repo: repository.name }),
      );
      return got.ok ? ok({ defaultBranch: got.value.default_branch, archived: got.value.archived }) : got;
    },
    findPullRequest: (request) => findPullRequest(connection, request),
    ensurePullRequest: (request) => ensurePullRequest(connection, request),
    getPullRequest: (request) => getPullRequest(connection, request),
    listOpenPullRequests: (request) => listOpenPullRequests(connection, request),
    renewPullRequest: (request) => renewPullRequest(connection, request),
    markReady: (request) => markReady(connection, request),
    closePullRequest: (request) => closePullRequest(connection, request),
    deleteBranch: (request) => deleteBranch(connection, request),
    comment: (request) => comment(connection, request),
    readChecks: (request) => readChecks(connection, request),
  };
}
