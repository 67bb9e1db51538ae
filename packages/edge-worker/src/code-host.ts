import type { Checkouts } from 'cyrus-checkouts/checkouts';
import type { Config } from 'cyrus-core/config/schema';
import { parseRemote } from 'cyrus-github/repository';
import { githubAccess, sourceOf } from './broker/repository-access.ts';

/** Why work on a repository ends with a pushed branch; null: a pull request is opened. */
export type NoPullRequest = (repositoryId: string) => string | null;

/**
 * Tells where there is a code host, by the addresses of remotes. That of a user's own checkout has to be looked up: it is known a moment
 * after it was first asked for, and until then a configured credential counts.
 */
export function createNoPullRequest(config: () => Config, checkouts: Pick<Checkouts, 'mirror'>): NoPullRequest {
  const lookedUp = new Map<string, string>();
  return (repositoryId) => {
    const source = sourceOf(config(), repositoryId);
    if (!source) return null;
    const { token, ...bare } = source;
    const url = source.remoteUrl ?? lookedUp.get(repositoryId);
    if (url !== undefined) return whyNot(config(), repositoryId, url);
    void checkouts.mirror(bare).then(
      ({ remote }) => lookedUp.set(repositoryId, remote.url),
      () => undefined,
    );
    const { github } = config();
    return token === undefined && github.token === undefined && !github.app ? noCredential : null;
  };
}

const noCredential = 'no token for GitHub is set';

function whyNot(config: Config, repositoryId: string, remoteUrl: string): string | null {
  if (githubAccess(config, repositoryId, remoteUrl)) return null;
  const remote = parseRemote(remoteUrl);
  if (!remote.ok) return 'its remote is no code host';
  const { github } = config;
  const any = github.token !== undefined || github.app !== undefined;
  return any ? `no token for ${remote.value.host} is set` : noCredential;
}
