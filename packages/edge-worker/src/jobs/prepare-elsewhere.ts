import type { Checkouts } from 'cyrus-checkouts/checkouts';
import type { Mirror } from 'cyrus-checkouts/mirror';
import { keepBranches } from 'cyrus-core/domain/branches-before';
import type { RemoteStart } from 'cyrus-core/domain/plan';
import { FailureError } from 'cyrus-core/failure';
import { largeFilesElsewhere } from './large-files.ts';
import type { Repositories } from './repositories.ts';

export interface PrepareElsewhere {
  readonly repositoryId: string;
  readonly baseBranch: string;
  readonly baseSha: string;
  /** Of the plan. */
  readonly branch: string;
  /** The name that is wanted for it; another one is chosen where the remote has such a branch. */
  readonly pushBranch: string;
  /** Where the plan begins. */
  readonly startSha: string;
  /** What an earlier attempt left, in the mirror. */
  readonly last: string | undefined;
  /** Files of the user's own checkout that the earlier attempt was given. */
  readonly copied: readonly string[];
}

/**
 * Where a run elsewhere begins: at a branch of the remote. The last work counts where all of it may leave this machine, and so does where
 * the plan begins: else it is the plan's branch as the remote has it, or the base branch. A commit that no branch of the remote has is to
 * be pushed to one of its own first.
 * @throws FailureError `invalid_request` for a repository that only this machine has
 */
export async function prepareElsewhere(
  options: { readonly checkouts: Checkouts; readonly repositories: Repositories; readonly maxFileBytes: () => number },
  mirror: Mirror,
  wanted: PrepareElsewhere,
): Promise<{ readonly remote: RemoteStart; readonly startSha: string; readonly remarks: readonly string[] }> {
  const { repositoryId, baseBranch, baseSha, branch, startSha, last, copied } = wanted;
  if (mirror.remote.kind === 'local')
    throw new FailureError({
      class: 'invalid_request',
      message: `The repository ${repositoryId} is on this machine alone: a cloud executor cannot get at it.`,
      fix: 'Give it a remoteUrl, or have it worked on by a local executor.',
    });
  const access = await options.repositories.access(repositoryId);
  const names = await options.checkouts.remoteBranches({ mirror });
  const branchesBefore = keepBranches(names);
  const pushBranch = freeName(wanted.pushBranch, new Set(names));
  const remarks: string[] = [];
  const source = options.repositories.config(repositoryId)?.repositoryPath;
  const mayLeave = async (head: string): Promise<boolean> => {
    const named = source === undefined ? [] : await options.checkouts.includedInCommits({ mirror, baseSha, head, source });
    const request = { mirror, head, maxFileBytes: options.maxFileBytes(), copied: [...copied, ...named], source };
    const failure = await options.checkouts.unpublishable(request);
    if (failure) remarks.push(`Beginning anew: the work so far cannot leave this machine. ${failure.message}`);
    return failure === undefined;
  };
  let start = startSha;
  let begin = last;
  if (begin === undefined || begin === startSha || !(await mayLeave(begin))) {
    if (!(await mayLeave(startSha))) start = (await mirror.resolve(branch)) ?? baseSha;
    begin = start;
  }
  const large = await largeFilesElsewhere(mirror, begin);
  if (large !== undefined) remarks.push(large);
  let startBranch = `${pushBranch}-start`;
  let unpushed = true;
  for (const name of [baseBranch, branch]) if (unpushed && (await mirror.resolve(name)) === begin) [startBranch, unpushed] = [name, false];
  const repositoryName = access && `${access.repository.owner}/${access.repository.name}`;
  return {
    remarks: [...new Set(remarks)],
    startSha: start,
    remote: {
      ...{ repositoryUrl: access?.webUrl ?? mirror.remote.url, startBranch, startSha: begin, pushBranch },
      ...(repositoryName === undefined ? {} : { repositoryName }),
      ...(unpushed ? { unpushed } : {}),
      ...(branchesBefore === undefined ? {} : { branchesBefore }),
    },
  };
}

/** What is there already is not the run's: it would be taken for its work, and deleted with it. */
function freeName(wanted: string, taken: ReadonlySet<string>): string {
  const free = (name: string): boolean => !taken.has(name) && !taken.has(`${name}-start`);
  let name = wanted;
  for (let next = 2; !free(name); next += 1) name = `${wanted}-${next}`;
  return name;
}
