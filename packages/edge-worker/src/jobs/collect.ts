import { copiedFiles } from 'cyrus-checkouts/include';
import type { UnpushedSubmodule } from 'cyrus-checkouts/submodules';
import type { Failure } from 'cyrus-core/failure';
import type { JobRunner } from '../supervisor/job-runner.ts';
import { type CollectElsewhere, type CollectElsewhereOptions, collectElsewhere } from './collect-elsewhere.ts';
import { evidenceOf } from './evidence-of.ts';
import { checkoutAt } from './find-checkout.ts';
import { readWorkplace } from './workplace.ts';

/** The payload of a `collect` job. Its result: `{headSha, uncommitted, evidence}`. */
export interface CollectJob {
  readonly repositoryId: string;
  readonly directory: string;
  readonly attemptId: string;
  /** Where the work began. */
  readonly baseSha: string;
  /** The work was done elsewhere; there is no directory then. */
  readonly remote?: CollectElsewhere;
}

/** Brings an attempt's work into the mirror, to `refs/cyrus/wip/<attempt>`, and reads there what it is. */
export function createCollectRunner(options: CollectElsewhereOptions): JobRunner {
  const { checkouts, repositories } = options;
  return async (job, context) => {
    const { signal } = context;
    const { repositoryId, directory, attemptId, baseSha, remote } = job.payload as unknown as CollectJob;
    if (remote) return collectElsewhere(options, { repositoryId, attemptId, baseSha, remote }, context);
    const checkout = await checkoutAt(checkouts, directory);
    const mirror = await repositories.open(repositoryId);
    const collected = await checkouts.collect({ mirror, checkout, attempt: attemptId, signal });
    const range = { base: baseSha ?? checkout.baseSha, head: collected.sha };
    const evidence = await checkouts.evidence({ mirror, ...range });
    const result = { headSha: collected.sha, uncommitted: collected.uncommitted, evidence: evidenceOf(evidence) };
    const copied = await copiedFiles(checkout);
    const source = repositories.config(repositoryId)?.repositoryPath;
    const refusal = (head: string): Promise<Failure | undefined> =>
      checkouts.unpublishable({ mirror, head, maxFileBytes: options.maxFileBytes(), copied, source });
    // Commits that must not leave this machine are to be made anew, also those that the work began at.
    const mended = evidence.relation === 'diverged' && evidence.commitCount > 0 && (await refusal(range.base)) !== undefined;
    if (evidence.relation === 'descends' || mended) {
      const failure = await refusal(collected.sha);
      const moved = evidence.submodules.filter(({ to }) => to !== null);
      const base = moved.length === 0 ? undefined : (await readWorkplace(checkout))?.baseSha;
      const unpushed = base === undefined ? [] : await checkouts.unpushedSubmodules({ mirror, baseSha: base, moved, signal });
      const reason = failure ?? lostFailure(collected.lostLargeFiles) ?? unpushedFailure(unpushed);
      return reason === undefined ? { result } : { failure: reason, result };
    }
    const message =
      evidence.relation === 'unrelated'
        ? 'The agent replaced the history of the branch: its work shares no commit with where it began.'
        : 'The agent went back before the commit its work was to begin at.';
    return { failure: { class: 'no_evidence', message }, result };
  };
}

/** For the agent, too, which cannot push and has to do without. */
function unpushedFailure(submodules: readonly UnpushedSubmodule[]): Failure | undefined {
  const [first] = submodules;
  if (first === undefined) return undefined;
  const named = submodules.slice(0, 5).map(({ path, to }) => `${path} at ${to.slice(0, 10)}`);
  const back =
    first.from === null
      ? `Take ${first.path} out again`
      : `Put it back (git -C ${JSON.stringify(first.path)} checkout ${first.from.slice(0, 10)}, then git add and commit)`;
  return {
    class: 'no_evidence',
    message: `The work names commits of submodules that are not in their own repositories (${named.join(', ')}): nobody else could check it out. It is not published. ${back}; what was changed inside it can be kept as a patch file (git format-patch).`,
    fix: 'Push these commits to the repository of the submodule, or have the change made there first. Then write here.',
  };
}

function lostFailure(paths: readonly string[] = []): Failure | undefined {
  if (paths.length === 0) return undefined;
  const message = `The work holds pointers of Git LFS without their content (${paths.slice(0, 5).join(', ')}). It is not published. Write the files again and commit them with git add.`;
  return { class: 'no_evidence', message, fix: 'Write here to have it mended; what was done is kept.' };
}
