import type { Checkouts } from 'cyrus-checkouts/checkouts';
import type { Mirror } from 'cyrus-checkouts/mirror';
import type { RepositorySource } from 'cyrus-checkouts/remote';
import type { Config, RepositoryConfig } from 'cyrus-core/config/schema';
import { FailureError } from 'cyrus-core/failure';
import { type GithubAccess, githubAccess, sourceOf } from '../broker/repository-access.ts';
import type { GithubCredentials } from '../github-credentials.ts';

/** The configured repositories, as host jobs and brokers use them. */
export interface Repositories {
  config(id: string): RepositoryConfig | undefined;
  /**
   * Opens the mirror, with the token that may be shown to its remote; without one where none can be had now.
   * @throws FailureError `invalid_request` for a repository that is not in the configuration (any more)
   */
  open(id: string): Promise<Mirror>;
  /**
   * Works with the mirror's remote; once more with a new token when that does not take the one there was.
   * @throws FailureError also `auth`, `network`, `rate_limited` where a token is asked for and not given
   */
  use<T>(id: string, work: (mirror: Mirror) => Promise<T>): Promise<T>;
  /** How its code host is reached, by where its remote is; undefined: there is none, or no credential for it. */
  access(id: string): Promise<GithubAccess | undefined>;
}

interface Opened {
  readonly mirror: Mirror;
  /** The remote did not take the token: true when there may be another. */
  refused(): boolean;
}

export function createRepositories(
  checkouts: Pick<Checkouts, 'mirror'>,
  config: () => Config,
  credentials: Pick<GithubCredentials, 'source'>,
): Repositories {
  async function find(id: string): Promise<{ readonly source: RepositorySource; readonly access: GithubAccess | undefined }> {
    const source = sourceOf(config(), id);
    if (!source) {
      const message = `The repository ${id} is not in the configuration (any more).`;
      throw new FailureError({ class: 'invalid_request', message, fix: 'Add it to `repositories`.' });
    }
    // Which token may be shown to the remote is known once its address is: in a checkout of the user's it has to be looked up.
    const { token: _own, ...bare } = source;
    const url = source.remoteUrl ?? (await checkouts.mirror(bare)).remote.url;
    return { source, access: githubAccess(config(), id, url) };
  }

  async function openOnce(id: string): Promise<Opened> {
    const { source, access } = await find(id);
    if (!access) return { mirror: await checkouts.mirror(source), refused: () => false };
    const tokens = credentials.source(access);
    const got = await tokens.token();
    if (!got.ok) throw new FailureError(got.error);
    const token = got.value;
    const mirror = await checkouts.mirror({ ...source, token, ...(access.overSsh ? { remoteUrl: access.webUrl } : {}) });
    return { mirror, refused: () => tokens.refused(token, null) };
  }

  async function use<T>(id: string, work: (mirror: Mirror) => Promise<T>): Promise<T> {
    const first = await openOnce(id);
    try {
      return await work(first.mirror);
    } catch (error) {
      if (!(error instanceof FailureError) || error.failure.class !== 'auth' || !first.refused()) throw error;
      return work((await openOnce(id)).mirror);
    }
  }

  return {
    config: (id) => config().repositories.find((repository) => repository.id === id),
    use,
    async open(id) {
      const { mirror } = await openOnce(id).catch(async (error: unknown) => {
        // What is in the mirror can be read without GitHub; what is not is asked for by a fetch, which says why it cannot be had.
        const { source, access } = await find(id);
        if (!(error instanceof FailureError) || !access) throw error;
        return { mirror: await checkouts.mirror(source) };
      });
      // Everything as it is, seen through the mirror itself; a fetch alone meets the remote, maybe with a token that has ended since.
      const fetch: Mirror['fetch'] = (wish) => use(id, (current) => current.fetch(wish));
      return Object.create(mirror, { fetch: { value: fetch } }) as Mirror;
    },
    access: async (id) => (await find(id)).access,
  };
}
