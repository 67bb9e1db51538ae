import type { Checkouts } from 'cyrus-checkouts/checkouts';
import type { Clock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import { FailureError } from 'cyrus-core/failure';
import { createGitHub } from 'cyrus-github/client';
import type { CodeHost } from 'cyrus-github/code-host';
import { createRepositories } from '../jobs/repositories.ts';
import { outcomeOfFailure, type Perform, rejected } from './outcome.ts';
import { githubAccess } from './repository-access.ts';

export interface GithubOptions {
  readonly checkouts: Pick<Checkouts, 'mirror'>;
  readonly config: () => Config;
  readonly clock: Clock;
}

/** The payload of a `pull-request`. */
interface PullRequestPayload {
  readonly repositoryId: string;
  readonly head: string;
  /** Null: the repository's default branch. */
  readonly base: string | null;
  readonly title: string;
  readonly body: string;
  /** The plan's id: the pull request is recognised by it. */
  readonly marker: string;
}

/** Opens the one pull request of a plan: looked up by its branch and mark before it is created, and again when an answer is lost. */
export function performGithub({ checkouts, config, clock }: GithubOptions): Perform {
  const repositories = createRepositories(checkouts, config);
  const clients = new Map<string, CodeHost>();

  function clientFor(apiUrl: string, token: string): CodeHost {
    const key = JSON.stringify([apiUrl, token]);
    const client = clients.get(key) ?? createGitHub({ apiUrl, token, clock });
    clients.set(key, client);
    return client;
  }

  return async (write, signal) => {
    if (write.kind !== 'pull-request') return rejected(`GitHub has no write ${write.kind}`);
    const { repositoryId, head, base, title, body, marker } = write.payload as unknown as PullRequestPayload;
    try {
      const { remote } = await repositories.open(repositoryId);
      const access = githubAccess(config(), repositoryId, remote.url);
      // The branch is pushed: that is as far as it goes without a code host, and no failure of the work.
      if (!access) return { state: 'sent', result: { none: `The remote of ${repositoryId} is not on GitHub, or no token is set for it.` } };
      const { repository } = access;
      const client = clientFor(access.apiUrl, access.token);
      const target = base ?? (await defaultBranch(client, repository));
      const ensured = await client.ensurePullRequest({ repository, head, base: target, title, body, planId: marker, signal });
      if (!ensured.ok) return outcomeOfFailure(ensured.error);
      const { number, url, created } = ensured.value;
      return { state: 'sent', result: { number, url, created } };
    } catch (error) {
      if (error instanceof FailureError) return outcomeOfFailure(error.failure);
      throw error;
    }
  };
}

async function defaultBranch(client: CodeHost, repository: Parameters<CodeHost['getRepository']>[0]): Promise<string> {
  const found = await client.getRepository(repository);
  if (!found.ok) throw new FailureError(found.error);
  return found.value.defaultBranch;
}
