import type { Checkouts } from 'cyrus-checkouts/checkouts';
import { copiedFiles } from 'cyrus-checkouts/include';
import type { Mirror } from 'cyrus-checkouts/mirror';
import type { JobRunner } from '../supervisor/job-runner.ts';
import type { Repositories } from './repositories.ts';
import { untilAborted } from './until-aborted.ts';

/** The payload of a `merge` job. Its result: `{sha, fastForward, files, insertions, deletions}` or `{conflicts, sides, commits}`. */
export interface MergeJob {
  readonly repositoryId: string;
  readonly into: string;
  readonly head: string;
  readonly message: string;
}

/** Merges two commits in the mirror; the counts are those of the merge against `into`. */
export function createMergeRunner(options: {
  readonly checkouts: Checkouts;
  readonly repositories: Repositories;
  readonly maxFileBytes: () => number;
}): JobRunner {
  const { checkouts, repositories } = options;

  /** Whether `head` was made anew because what it began at must not leave this machine: joined with that it would publish it after all. */
  async function isAnew(mirror: Mirror, { into, head, repositoryId }: MergeJob, taskId: string | null): Promise<boolean> {
    if ((await checkouts.evidence({ mirror, base: into, head })).relation !== 'diverged') return false;
    const checkout = taskId === null ? undefined : await checkouts.find(taskId);
    const copied = checkout === undefined ? [] : await copiedFiles(checkout);
    const source = repositories.config(repositoryId)?.repositoryPath;
    return (await checkouts.unpublishable({ mirror, head: into, maxFileBytes: options.maxFileBytes(), copied, source })) !== undefined;
  }

  return async (job, { signal }) => {
    const wanted = job.payload as unknown as MergeJob;
    const { repositoryId, into, head, message } = wanted;
    const mirror = await untilAborted(signal, repositories.open(repositoryId));
    const anew = await untilAborted(signal, isAnew(mirror, wanted, job.taskId));
    const merged = await untilAborted(signal, checkouts.merge({ mirror, into: anew ? head : into, head, message }));
    if (merged.kind === 'conflicts') return { result: { conflicts: merged.paths, sides: merged.sides, commits: merged.commits } };
    const { totals } = await untilAborted(signal, checkouts.evidence({ mirror, base: into, head: merged.sha }));
    return { result: { sha: merged.sha, fastForward: merged.fastForward && !anew, ...totals } };
  };
}
