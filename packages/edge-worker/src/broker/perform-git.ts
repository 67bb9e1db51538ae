import type { Checkouts } from 'cyrus-checkouts/checkouts';
import type { Config } from 'cyrus-core/config/schema';
import { type Failure, FailureError } from 'cyrus-core/failure';
import type { GithubCredentials } from '../github-credentials.ts';
import { createRepositories } from '../jobs/repositories.ts';
import { outcomeOfFailure, type Perform, rejected } from './outcome.ts';
import { sourceOf } from './repository-access.ts';

export interface GitOptions {
  readonly checkouts: Pick<Checkouts, 'mirror' | 'push'>;
  readonly config: () => Config;
  readonly github: Pick<GithubCredentials, 'source'>;
}

/** The payload of a `push`. */
interface PushPayload {
  readonly repositoryId: string;
  readonly sha: string;
  readonly branch: string;
  readonly lease: string | null;
  /** Its pull request is merged or closed: where the branch was deleted with it, it is made anew. */
  readonly mayBeGone?: boolean;
}

/** Pushes from the mirror, with a lease on the last seen head. The same push twice finds itself done. */
export function performGit({ checkouts, config, github }: GitOptions): Perform {
  const repositories = createRepositories(checkouts, config, github);
  return async (write, signal) => {
    if (write.kind !== 'push') return rejected(`git has no write ${write.kind}`);
    const { repositoryId, sha, branch, lease, mayBeGone = false } = write.payload as unknown as PushPayload;
    try {
      const pushed = await repositories.use(repositoryId, async (mirror) => {
        const named = sourceOf(config(), repositoryId)?.remoteUrl;
        // A path named as the remote is meant to be written to; the checkout that a repository is read from is not.
        const target = mirror.remote.kind === 'local' && named !== undefined ? { remoteUrl: named } : {};
        const push = (held: string | null) => checkouts.push({ mirror, sha, branch, lease: held, signal, ...target });
        const pushed = await push(lease);
        return mayBeGone && pushed.kind === 'stale' && pushed.remoteSha === null ? push(null) : pushed;
      });
      if (pushed.kind === 'pushed') return { state: 'sent', result: { sha }, subject: repositoryId };
      return { state: 'rejected', failure: movedAway(branch, pushed.remoteSha) };
    } catch (error) {
      if (error instanceof FailureError) return outcomeOfFailure(error.failure, repositoryId);
      throw error;
    }
  };
}

function movedAway(branch: string, remoteSha: string | null): Failure {
  const where = remoteSha === null ? 'it is gone' : `it is at ${remoteSha.slice(0, 12)} now`;
  return { class: 'conflict', message: `Somebody else moved the branch ${branch}: ${where}.` };
}
