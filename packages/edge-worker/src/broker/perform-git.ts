import type { Checkouts } from 'cyrus-checkouts/checkouts';
import type { RepositorySource } from 'cyrus-checkouts/remote';
import { type Failure, FailureError } from 'cyrus-core/failure';
import type { Perform, WriteOutcome } from './outcome.ts';

export interface PerformGitOptions {
  readonly checkouts: Pick<Checkouts, 'mirror' | 'push'>;
  /** Where a repository of the configuration comes from, with its token; undefined for one that is not configured any more. */
  readonly source: (repositoryId: string) => RepositorySource | undefined;
}

/** Pushes from the mirror, with a lease on the last seen head. The same push twice finds itself done. */
export function performGit(options: PerformGitOptions): Perform {
  return async (write, signal) => {
    if (write.kind !== 'push') return rejected(`git has no write ${write.kind}`);
    const { repositoryId, sha, branch, lease } = write.payload as {
      repositoryId: string;
      sha: string;
      branch: string;
      lease: string | null;
    };
    const source = options.source(repositoryId);
    if (!source) return rejected(`The repository ${repositoryId} is not in the configuration any more`);
    try {
      const mirror = await options.checkouts.mirror(source);
      const pushed = await options.checkouts.push({ mirror, sha, branch, lease, signal });
      if (pushed.kind === 'pushed') return { state: 'sent', result: { sha } };
      const where = pushed.remoteSha === null ? 'it is gone' : `it is at ${pushed.remoteSha.slice(0, 12)}`;
      return { state: 'rejected', failure: { class: 'conflict', message: `Somebody else moved the branch ${branch}: ${where}` } };
    } catch (error) {
      if (error instanceof FailureError) return outcomeOfFailure(error.failure);
      throw error;
    }
  };
}

const passing: ReadonlySet<Failure['class']> = new Set(['network', 'rate_limited', 'quota_exhausted', 'timeout', 'auth', 'missing_binary']);

/** What may pass is tried again; a refusal is for good. */
export function outcomeOfFailure(failure: Failure): WriteOutcome {
  return passing.has(failure.class) ? { state: 'retry', failure } : { state: 'rejected', failure };
}

function rejected(message: string): WriteOutcome {
  return { state: 'rejected', failure: { class: 'invalid_request', message } };
}
