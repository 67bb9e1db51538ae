import type { Checkouts } from 'cyrus-checkouts/checkouts';
import type { Config } from 'cyrus-core/config/schema';
import { type Failure, FailureError } from 'cyrus-core/failure';
import { outcomeOfFailure, type Perform, rejected } from './outcome.ts';
import { githubAccess, sourceOf } from './repository-access.ts';

export interface GitOptions {
  readonly checkouts: Pick<Checkouts, 'mirror' | 'push'>;
  readonly config: () => Config;
}

/** The payload of a `push`. */
interface PushPayload {
  readonly repositoryId: string;
  readonly sha: string;
  readonly branch: string;
  readonly lease: string | null;
}

/** Pushes from the mirror, with a lease on the last seen head. The same push twice finds itself done. */
export function performGit({ checkouts, config }: GitOptions): Perform {
  return async (write, signal) => {
    if (write.kind !== 'push') return rejected(`git has no write ${write.kind}`);
    const { repositoryId, sha, branch, lease } = write.payload as unknown as PushPayload;
    const source = sourceOf(config(), repositoryId);
    if (!source) return rejected(`The repository ${repositoryId} is not in the configuration any more.`);
    try {
      const mirror = await checkouts.mirror(source);
      const token = githubAccess(config(), repositoryId, mirror.remote.url)?.token;
      const pushed = await checkouts.push({
        ...{ mirror, sha, branch, lease, signal },
        ...(token === undefined ? {} : { token }),
        // A path named as the remote is meant to be written to; the checkout that a repository is read from is not.
        ...(mirror.remote.kind === 'local' && source.remoteUrl !== undefined ? { remoteUrl: source.remoteUrl } : {}),
      });
      if (pushed.kind === 'pushed') return { state: 'sent', result: { sha } };
      return { state: 'rejected', failure: movedAway(branch, pushed.remoteSha) };
    } catch (error) {
      if (error instanceof FailureError) return outcomeOfFailure(error.failure);
      throw error;
    }
  };
}

function movedAway(branch: string, remoteSha: string | null): Failure {
  const where = remoteSha === null ? 'it is gone' : `it is at ${remoteSha.slice(0, 12)} now`;
  return { class: 'conflict', message: `Somebody else moved the branch ${branch}: ${where}.` };
}
