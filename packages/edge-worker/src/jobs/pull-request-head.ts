import type { Clock } from 'cyrus-core/clock';
import { FailureError } from 'cyrus-core/failure';
import { createGitHub } from 'cyrus-github/client';
import type { RepositoryRef } from 'cyrus-github/repository';
import type { GithubCredentials } from '../github-credentials.ts';
import type { Repositories } from './repositories.ts';

/** The number of a pull request of this repository, by its address; undefined: it is none of it. */
export function pullRequestNumber(url: string, { owner, name }: RepositoryRef): number | undefined {
  const path = URL.parse(url)?.pathname ?? '';
  const [, itsOwner = '', itsName = '', number = ''] = /^\/([^/]+)\/([^/]+)\/pulls?\/(\d+)(?:\/|$)/.exec(path) ?? [];
  const same = itsOwner.toLowerCase() === owner.toLowerCase() && itsName.toLowerCase() === name.toLowerCase();
  return same ? Number(number) : undefined;
}

/** Looks up the branch that a pull request was opened from. */
export function createPullRequestHead(options: {
  readonly repositories: Pick<Repositories, 'access'>;
  readonly github: Pick<GithubCredentials, 'source'>;
  readonly clock: Clock;
}): (repositoryId: string, url: string) => Promise<string | undefined> {
  return async (repositoryId, url) => {
    const access = await options.repositories.access(repositoryId);
    const number = access && pullRequestNumber(url, access.repository);
    if (!access || number === undefined) return undefined;
    const { repository, apiUrl } = access;
    const host = createGitHub({ apiUrl, token: options.github.source(access), clock: options.clock });
    const pull = await host.getPullRequest({ repository, number });
    if (pull.ok) return pull.value.head;
    // Not there (yet), or not to be seen with this token: the branch may be found by its name.
    if (pull.error.class === 'invalid_request' || pull.error.class === 'auth') return undefined;
    throw new FailureError(pull.error);
  };
}
