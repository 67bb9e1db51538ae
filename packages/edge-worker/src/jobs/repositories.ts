import type { Checkouts } from 'cyrus-checkouts/checkouts';
import type { Mirror } from 'cyrus-checkouts/mirror';
import type { RepositorySource } from 'cyrus-checkouts/remote';
import type { Config, RepositoryConfig } from 'cyrus-core/config/schema';
import { FailureError } from 'cyrus-core/failure';

/** The configured repositories, each with the token that may be shown to its remote. */
export interface Repositories {
  config(id: string): RepositoryConfig | undefined;
  /** Opens the mirror. @throws FailureError `invalid_request` for a repository that is not in the configuration (any more) */
  open(id: string): Promise<Mirror>;
  /** Where a repository comes from, as it was last opened; without the shared token until then. */
  source(id: string): RepositorySource | undefined;
}

/** A repository's own token belongs to it; the shared one is for remotes on the configured code host, and shown to no other. */
export function createRepositories(checkouts: Pick<Checkouts, 'mirror'>, config: () => Config): Repositories {
  const found = new Map<string, { readonly key: string; readonly source: RepositorySource }>();
  const configOf = (id: string): RepositoryConfig | undefined => config().repositories.find((repository) => repository.id === id);
  const keyOf = (repository: RepositoryConfig): string => JSON.stringify([plain(repository), config().github]);

  async function discover(repository: RepositoryConfig): Promise<RepositorySource> {
    const source = plain(repository);
    const shared = config().github.token;
    if (source.token !== undefined || shared === undefined) return source;
    const { remote } = await checkouts.mirror(source);
    return hostOf(remote.url) === codeHost(config().github.apiUrl) ? { ...source, token: shared } : source;
  }

  return {
    config: configOf,
    async open(id) {
      const repository = configOf(id);
      if (!repository) {
        const message = `The repository ${id} is not in the configuration (any more).`;
        throw new FailureError({ class: 'invalid_request', message, fix: 'Add it to `repositories`.' });
      }
      const key = keyOf(repository);
      let entry = found.get(id);
      if (entry?.key !== key) {
        entry = { key, source: await discover(repository) };
        found.set(id, entry);
      }
      return checkouts.mirror(entry.source);
    },
    source(id) {
      const repository = configOf(id);
      if (!repository) return undefined;
      const entry = found.get(id);
      return entry?.key === keyOf(repository) ? entry.source : plain(repository);
    },
  };
}

function plain({ id, remoteUrl, repositoryPath, githubToken }: RepositoryConfig): RepositorySource {
  return {
    id,
    ...(remoteUrl === undefined ? {} : { remoteUrl }),
    ...(repositoryPath === undefined ? {} : { repositoryPath }),
    ...(githubToken === undefined ? {} : { token: githubToken }),
  };
}

/** `github.com` for `https://api.github.com`; an enterprise server answers under its own name. */
function codeHost(apiUrl: string): string {
  const { host } = new URL(apiUrl);
  return host === 'api.github.com' ? 'github.com' : host;
}

/** The host of a remote's address, with its port; undefined for a path. */
function hostOf(address: string): string | undefined {
  if (address.startsWith('/')) return undefined;
  return URL.parse(address)?.host ?? /^(?:[\w.-]+@)?([\w.-]+):/.exec(address)?.[1];
}
