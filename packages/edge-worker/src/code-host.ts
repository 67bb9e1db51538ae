import type { Config, RepositoryConfig } from 'cyrus-core/config/schema';

/** Who a repository's pull requests are opened with; null when its remote has no code host: then a pushed branch is the end. */
export interface CodeHostOf {
  readonly apiUrl: string;
  readonly token: string;
}

/** The code host of a repository: GitHub, once there is a token for it. `remoteUrl`: as found, where the configuration names a path alone. */
export function codeHostOf(config: Config, repository: RepositoryConfig | undefined): CodeHostOf | null {
  const token = repository?.githubToken ?? config.github.token;
  return token === undefined ? null : { apiUrl: config.github.apiUrl, token };
}
