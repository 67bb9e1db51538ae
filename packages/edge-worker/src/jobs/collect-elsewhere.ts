import type { Checkouts } from 'cyrus-checkouts/checkouts';
import { componentOf } from 'cyrus-checkouts/names';
import type { AttemptRun } from 'cyrus-core/domain/plan';
import { FailureError } from 'cyrus-core/failure';
import type { RunRef, TaskExecutor } from 'cyrus-executor-interface/executor';
import type { JobContext, JobOutcome } from '../supervisor/job-runner.ts';
import { evidenceOf } from './evidence-of.ts';
import type { Repositories } from './repositories.ts';

/** Of a `collect` job: where the work of a run elsewhere may be. */
export interface CollectElsewhere {
  readonly executorId: string;
  readonly ref: RunRef | null;
  /** What the run began at. */
  readonly startSha: string;
  readonly pushBranch: string;
  readonly repositoryName?: string;
  readonly baseBranch: string;
  /** Branches that are not the run's, whatever it says. */
  readonly notThese: readonly string[];
  readonly branch?: string;
  readonly pullRequestUrl?: string;
  /** How long is waited for a branch that is not there yet. */
  readonly waitMs: number;
}

export interface CollectElsewhereOptions {
  readonly checkouts: Checkouts;
  readonly repositories: Repositories;
  readonly executors: ReadonlyMap<string, TaskExecutor>;
  readonly maxFileBytes: () => number;
  /** The head branch of a pull request of the repository; undefined: there is no such pull request. */
  readonly pullRequestHead: (repositoryId: string, url: string) => Promise<string | undefined>;
}

const lookAgainMs = { first: 2_000, longest: 15_000 };
/** Work that was paid for is not given up because the way to it is broken for a while. */
const remoteAwayMs = 10 * 60_000;
const passing: ReadonlySet<string> = new Set(['network', 'rate_limited', 'timeout']);

/**
 * Takes the work of a run elsewhere into the mirror, to `refs/cyrus/wip/<attempt>`, and reads there what it is. A run that began at another
 * commit than it was told to has its work merged into that one: what is checked later is what would be published. Its own pull request only
 * shows where the branch is.
 */
export async function collectElsewhere(
  options: CollectElsewhereOptions,
  work: { readonly repositoryId: string; readonly attemptId: string; readonly baseSha: string; readonly remote: CollectElsewhere },
  context: JobContext,
): Promise<JobOutcome> {
  const { checkouts, repositories } = options;
  const { repositoryId, attemptId, baseSha, remote } = work;
  const { executorId, startSha } = remote;
  const found = await untilFound(options, work, context);
  if (!found.branchSha || !found.branch) {
    const { branchSha: _, branch: __, ...run } = found;
    return {
      result: { headSha: null, evidence: null, run, missing: `${executorId} ended without a branch or a pull request that holds work.` },
    };
  }
  const { branch, branchSha } = found;
  const mirror = await repositories.open(repositoryId);
  const { relation } = await checkouts.evidence({ mirror, base: startSha, head: branchSha });
  if (relation === 'unrelated') {
    const message = `The branch ${branch} shares no commit with where the work was to begin.`;
    return { failure: { class: 'no_evidence', message }, result: { run: found } };
  }
  let headSha = branchSha;
  if (relation === 'diverged') {
    const ref = `refs/cyrus/wip/${componentOf(attemptId)}`;
    const merged = await checkouts.merge({ mirror, into: startSha, head: branchSha, message: `Merge the work of ${executorId}`, ref });
    if (merged.kind === 'conflicts') {
      const message = `${executorId} began at another commit than it was told to, and its work conflicts with that one in ${merged.paths.slice(0, 5).join(', ')}.`;
      return { failure: { class: 'conflict', message }, result: { run: found } };
    }
    headSha = merged.sha;
  }
  const range = { base: baseSha, head: headSha };
  const evidence = evidenceOf(await checkouts.evidence({ mirror, ...range }));
  const result = { headSha, uncommitted: false, evidence, run: found };
  // It is on the remote, but not where it counts.
  const there = [`refs/remotes/origin/${remote.baseBranch}`, baseSha];
  const failure = await checkouts.unpublishable({ mirror, head: headSha, maxFileBytes: options.maxFileBytes(), copied: [], there });
  return failure ? { failure, result } : { result };
}

type Found = Pick<AttemptRun, 'branch' | 'branchSha' | 'pullRequestUrl'>;

async function untilFound(
  options: CollectElsewhereOptions,
  { repositoryId, attemptId, remote }: Parameters<typeof collectElsewhere>[1],
  context: JobContext,
): Promise<Found> {
  const { clock, signal, log } = context;
  const executor = options.executors.get(remote.executorId);
  const began = clock.now();
  let { branch, pullRequestUrl } = remote;
  let pauseMs = lookAgainMs.first;
  for (;;) {
    let away: FailureError | undefined;
    const of = pullRequestUrl === undefined ? {} : { pullRequestUrl };
    try {
      const head = pullRequestUrl === undefined ? undefined : await options.pullRequestHead(repositoryId, pullRequestUrl);
      const names = new Set([branch, head, remote.pushBranch].filter((name) => name !== undefined && !remote.notThese.includes(name)));
      for (const name of names) {
        const branchSha = await taken(options, repositoryId, attemptId, name as string, remote.startSha, signal);
        if (branchSha) return { branch: name as string, branchSha, ...of };
      }
    } catch (error) {
      if (!(error instanceof FailureError) || signal.aborted || !passing.has(error.failure.class)) throw error;
      log.warn({ attemptId, error: error.message }, 'the work of a run elsewhere cannot be fetched; it is tried again');
      away = error;
    }
    const waited = clock.now() - began;
    if (away && waited >= Math.max(remoteAwayMs, remote.waitMs)) throw away;
    if (!away && waited >= remote.waitMs) return of;
    await clock.sleep(away ? pauseMs : Math.min(pauseMs, Math.max(50, remote.waitMs / 10)), signal);
    if (signal.aborted) throw new FailureError({ class: 'sandbox_lost', message: 'Stopped.' });
    pauseMs = Math.min(pauseMs * 2, lookAgainMs.longest);
    // What a run made may be told after its end.
    const now = remote.ref && executor ? await executor.getStatus(remote.ref).catch(() => undefined) : undefined;
    branch = now?.branch ?? branch;
    pullRequestUrl = now?.pullRequestUrl ?? pullRequestUrl;
  }
}

/** The head of a branch that holds something new; what it holds is in the mirror then. */
async function taken(
  { checkouts, repositories }: CollectElsewhereOptions,
  repositoryId: string,
  attempt: string,
  branch: string,
  startSha: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const sha = await repositories.use(repositoryId, (mirror) => checkouts.takeRemoteBranch({ mirror, branch, attempt, signal }));
  if (sha === undefined || sha === startSha) return undefined;
  const mirror = await repositories.open(repositoryId);
  const { commitCount } = await checkouts.evidence({ mirror, base: startSha, head: sha });
  return commitCount > 0 ? sha : undefined;
}
