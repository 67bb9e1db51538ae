import { madeByRun } from 'cyrus-core/domain/branches-before';
import { type OutboundDraft, priority } from 'cyrus-core/domain/effects';
import type { Attempt, Plan, PullRequestRef, RemoteStart } from 'cyrus-core/domain/plan';

/** What is known of an attempt that worked elsewhere. */
export type RanElsewhere = Pick<Attempt, 'id' | 'run' | 'checkout'>;

/**
 * Closes what runs elsewhere opened and pushed by themselves beside our pull request: the plan's own runs, and those of the plans before it
 * on the same branch, which may have ended without one. Branches that somebody else made stay, whatever a run calls its own.
 */
export function retireRuns(plan: RetiringPlan, runs: readonly RanElsewhere[], ours: PullRequestRef): readonly OutboundDraft[] {
  // A run that was gone on with has moved the branch of an earlier attempt.
  const heads = new Map(runs.flatMap(({ run }) => (run?.branch && run.branchSha ? [[run.branch, run.branchSha] as const] : [])));
  return runs.flatMap(({ id, run, checkout }) => {
    const remote = checkout?.remote;
    if (!remote) return [];
    const own = run?.branch !== undefined && madeByRun(remote, run.branch) ? run.branch : undefined;
    const head = own === undefined ? undefined : heads.get(own);
    const branches = [
      ...(own === undefined || head === undefined ? [] : [{ branch: own, sha: head }]),
      ...(remote.unpushed ? [{ branch: remote.startBranch, sha: remote.startSha }] : []),
    ].filter(({ branch }) => branch !== plan.branch && branch !== checkout?.baseBranch);
    if (branches.length === 0 && !run?.pullRequestUrl) return [];
    return [retireRun(plan, { attemptId: id, remote, branches, pullRequestUrl: run?.pullRequestUrl }, ours)];
  });
}

type RetiringPlan = Pick<Plan, 'repositoryId' | 'branch'>;

/** The write that closes what one run opened, and deletes its branches; not as a part of the plan, whose stop would cancel it for good. */
export function retireRun(
  plan: RetiringPlan,
  run: {
    readonly attemptId: string;
    readonly remote: RemoteStart;
    readonly pullRequestUrl?: string | undefined;
    readonly branches: readonly { readonly branch: string; readonly sha: string }[];
  },
  ours: PullRequestRef,
): OutboundDraft {
  const { attemptId, remote, pullRequestUrl, branches } = run;
  const { pushBranch, branchesBefore } = remote;
  return {
    key: `attempt:${attemptId}:retire:${pullRequestUrl ?? ''}`,
    credential: 'github',
    lane: `retire:${attemptId}`,
    priority: priority.heartbeat,
    kind: 'retire-run',
    payload: {
      ...{ kind: 'retire-run', repositoryId: plan.repositoryId, planBranch: plan.branch, branches, pushBranch },
      ...{ ours: { number: ours.number, url: ours.url }, marker: attemptId },
      ...(branchesBefore === undefined ? {} : { branchesBefore }),
      ...(pullRequestUrl === undefined ? {} : { pullRequestUrl }),
    },
  };
}
