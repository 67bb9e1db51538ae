import type { RepositorySource } from 'cyrus-checkouts/remote';
import type { Config } from 'cyrus-core/config/schema';
import { parseRemote, type RemoteRepository, type RepositoryRef } from 'cyrus-github/repository';

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
  /** `app`: the configuration's GitHub App; its tokens are for this repository alone. */
  readonly credential: { readonly kind: 'token'; readonly token: string } | { readonly kind: 'app' };
  /** Where git finds it over https: the place where a token is of use. */
  readonly webUrl: string;
  /** The remote itself is an ssh address. */
  readonly overSsh: boolean;
}

const publicApi = 'https://api.github.com';

/**
 * How a repository is reached on GitHub, by the address of its remote; undefined when it is not there or no credential is known.
 * The configuration's credential is shown to the host it was made for and to no other; a repository's own token to its own remote.
 */
export function githubAccess(config: Config, repositoryId: string, remoteUrl: string): GithubAccess | undefined {
  const derived = parseRemote(remoteUrl);
  if (!derived.ok) return undefined;
  const { owner, name } = derived.value;
  const configured = config.github.apiUrl.replace(/\/+$/, '');
  const sameHost = isHostOf(configured, derived.value, remoteUrl);
  const own = config.repositories.find(({ id }) => id === repositoryId)?.githubToken;
  const credential = own === undefined ? (sameHost ? sharedCredential(config) : undefined) : ({ kind: 'token', token: own } as const);
  if (credential === undefined) return undefined;
  // An address set on purpose counts for every repository with a token of its own; the default one only for github.com,
  // and an Enterprise Server's only for that server.
  const everywhere = configured !== publicApi && !isEnterprise(configured);
  const apiUrl = sameHost || everywhere ? configured : derived.value.apiUrl;
  const webUrl = `${webHost(apiUrl, remoteUrl)}/${owner}/${name}.git`;
  return { repository: { owner, name }, apiUrl, credential, webUrl, overSsh: !isWeb(remoteUrl) };
}

const isWeb = (remoteUrl: string): boolean => /^https?:/i.test(remoteUrl);
const isEnterprise = (apiUrl: string): boolean => apiUrl.endsWith('/api/v3') || new URL(apiUrl).hostname.endsWith('.ghe.com');

function sharedCredential({ github }: Config): GithubAccess['credential'] | undefined {
  if (github.app) return { kind: 'app' };
  return github.token === undefined ? undefined : { kind: 'token', token: github.token };
}

/** The port of an ssh remote says nothing about the API's. */
function isHostOf(configured: string, remote: RemoteRepository, remoteUrl: string): boolean {
  const [api, wanted] = [new URL(configured), new URL(remote.apiUrl)];
  return isWeb(remoteUrl) ? api.host === wanted.host : api.hostname === wanted.hostname;
}

/** The address of the host whose API this is. A remote that is one already keeps its own. */
function webHost(apiUrl: string, remoteUrl: string): string {
  if (isWeb(remoteUrl)) {
    const { protocol, host } = new URL(remoteUrl);
    return `${protocol}//${host}`;
  }
  const { protocol, host } = new URL(apiUrl);
  return `${protocol}//${host.replace(/^api\.(?=github\.com$|.*\.ghe\.com$)/, '')}`;
}
