import { madeByRun } from 'cyrus-core/domain/branches-before';
import { type Failure, FailureError } from 'cyrus-core/failure';
import type { Result } from 'cyrus-core/result';
import type { CodeHost } from 'cyrus-github/code-host';
import type { RepositoryRef } from 'cyrus-github/repository';
import { pullRequestNumber } from '../jobs/pull-request-head.ts';
import type { WriteOutcome } from './outcome.ts';

/** The payload of a `retire-run`: what a run elsewhere opened and pushed by itself. */
export interface RetireRun {
  readonly repositoryId: string;
  /** What the run calls its own; closed only if a branch that the run made is its head. */
  readonly pullRequestUrl?: string;
  /** Branches of the run's that are of no use any more, with the head that was taken from each. */
  readonly branches: readonly { readonly branch: string; readonly sha: string }[];
  /** By these it is known what the run made. */
  readonly pushBranch: string;
  readonly branchesBefore?: string;
  /** Of our pull request. */
  readonly planBranch: string;
  readonly ours: { readonly number: number; readonly url: string };
  /** Names the comment, so that it is written once. */
  readonly marker: string;
}

/**
 * Closes what a run opened beside our pull request, with a word, and deletes its branches where that is permitted. What a person made, and
 * a run only names, stays.
 */
export async function retireRun(
  { host, repository }: { readonly host: CodeHost; readonly repository: RepositoryRef },
  payload: RetireRun,
): Promise<WriteOutcome> {
  const { pullRequestUrl, branches, planBranch, ours, marker } = payload;
  const closed: number[] = [];
  const left: string[] = [];
  const permitted = async <T>(doing: Promise<Result<T, Failure>>): Promise<T | undefined> => {
    const done = await doing;
    if (done.ok) return done.value;
    // A token that may do everything else is no credential that has failed, and what is gone needs nothing.
    if (done.error.class !== 'auth' && done.error.class !== 'invalid_request') throw new FailureError(done.error);
    left.push(done.error.message);
    return undefined;
  };
  const heads = new Set(branches.map(({ branch }) => branch));
  const told = pullRequestUrl === undefined ? undefined : pullRequestNumber(pullRequestUrl, repository);
  const named = told === undefined ? undefined : await permitted(host.getPullRequest({ repository, number: told }));
  if (named?.state === 'open') {
    if (madeByRun(payload, named.head)) heads.add(named.head);
    else if (named.number !== ours.number) left.push(`#${named.number} is of the branch ${named.head}, which the run did not make`);
  }
  heads.delete(planBranch);
  for (const head of heads) {
    // By the branch of this very repository: a fork may have one of the same name.
    const pull = await permitted(host.findPullRequest({ repository, head }));
    if (pull?.state !== 'open' || pull.number === ours.number) continue;
    const { number } = pull;
    const body = `The work on this goes on in #${ours.number} (${ours.url}). Closed by Cyrus.`;
    await permitted(host.comment({ repository, number, body, key: `${marker}:${number}` }));
    if (await permitted(host.closePullRequest({ repository, number }))) closed.push(number);
  }
  const deleted: string[] = [];
  for (const one of branches) if (await permitted(host.deleteBranch({ repository, ...one }))) deleted.push(one.branch);
  return { state: 'sent', result: { closed, deleted, ...(left.length === 0 ? {} : { left }) } };
}
