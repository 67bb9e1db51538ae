import type { Checkouts } from 'cyrus-checkouts/checkouts';
import type { Mirror } from 'cyrus-checkouts/mirror';
import type { Config, RepositoryConfig } from 'cyrus-core/config/schema';
import { FailureError } from 'cyrus-core/failure';
import { githubAccess, sourceOf } from '../broker/repository-access.ts';

/** The configured repositories, as host jobs use them. */
export interface Repositories {
  config(id: string): RepositoryConfig | undefined;
  /**
   * Opens the mirror, with the token that may be shown to its remote.
   * @throws FailureError `invalid_request` for a repository that is not in the configuration (any more)
   */
  open(id: string): Promise<Mirror>;
}

export function createRepositories(checkouts: Pick<Checkouts, 'mirror'>, config: () => Config): Repositories {
  return {
    config: (id) => config().repositories.find((repository) => repository.id === id),
    async open(id) {
      const source = sourceOf(config(), id);
      if (!source) {
        const message = `The repository ${id} is not in the configuration (any more).`;
        throw new FailureError({ class: 'invalid_request', message, fix: 'Add it to `repositories`.' });
      }
      const mirror = await checkouts.mirror(source);
      if (source.token !== undefined) return mirror;
      // Whether the shared token is for this remote is known once its address is.
      const token = githubAccess(config(), id, mirror.remote.url)?.token;
      return token === undefined ? mirror : checkouts.mirror({ ...source, token });
    },
  };
}
