import type { RepositorySource } from 'cyrus-checkouts/remote';
import type { Config } from 'cyrus-core/config/schema';
import { parseRemote, type RepositoryRef } from 'cyrus-github/repository';

/** Where a repository of the configuration comes from; undefined for one that is not in it any more. */
export function sourceOf(config: Config, repositoryId: string): RepositorySource | undefined {
  const found = config.repositories.find(({ id }) => id === repositoryId);
  if (!found) return undefined;
  return {
    id: found.id,
    ...(found.remoteUrl === undefined ? {} : { remoteUrl: found.remoteUrl }),
    ...(found.repositoryPath === undefined ? {} : { repositoryPath: found.repositoryPath }),
    ...(found.githubToken === undefined ? {} : { token: found.githubToken }),
  };
}

export interface GithubAccess {
  readonly repository: RepositoryRef;
  readonly apiUrl: string;
  readonly token: string;
}

const publicApi = 'https://api.github.com';

/**
 * How a repository is reached on GitHub, by the address of its remote; undefined when it is not there or no token is known.
 * The configuration's token is shown to the host it was made for and to no other; a repository's own token to its own remote.
 */
export function githubAccess(config: Config, repositoryId: string, remoteUrl: string): GithubAccess | undefined {
  const derived = parseRemote(remoteUrl);
  if (!derived.ok) return undefined;
  const { owner, name } = derived.value;
  const configured = config.github.apiUrl.replace(/\/+$/, '');
  const sameHost = hostOf(derived.value.apiUrl) === hostOf(configured);
  const own = config.repositories.find(({ id }) => id === repositoryId)?.githubToken;
  const token = own ?? (sameHost ? config.github.token : undefined);
  if (token === undefined) return undefined;
  // An address set on purpose counts for every repository with a token of its own; the default one only for github.com.
  const apiUrl = sameHost || configured !== publicApi ? configured : derived.value.apiUrl;
  return { repository: { owner, name }, apiUrl, token };
}

const hostOf = (url: string): string => new URL(url).host;
