import type { Checkouts } from 'cyrus-checkouts/checkouts';
import type { JobRunner } from '../supervisor/job-runner.ts';
import type { Repositories } from './repositories.ts';
import { untilAborted } from './until-aborted.ts';

/** The payload of a `merge` job. Its result: `{sha, fastForward, files, insertions, deletions}` or `{conflicts}`. */
export interface MergeJob {
  readonly repositoryId: string;
  readonly into: string;
  readonly head: string;
  readonly message: string;
}

/** Merges two commits in the mirror; the counts are those of the merge against `into`. */
export function createMergeRunner(options: { readonly checkouts: Checkouts; readonly repositories: Repositories }): JobRunner {
  const { checkouts, repositories } = options;
  return async (job, { signal }) => {
    const { repositoryId, into, head, message } = job.payload as unknown as MergeJob;
    const mirror = await untilAborted(signal, repositories.open(repositoryId));
    const merged = await untilAborted(signal, checkouts.merge({ mirror, into, head, message }));
    if (merged.kind === 'conflicts') return { result: { conflicts: merged.paths } };
    const { totals } = await untilAborted(signal, checkouts.evidence({ mirror, base: into, head: merged.sha }));
    return { result: { sha: merged.sha, fastForward: merged.fastForward, ...totals } };
  };
}
