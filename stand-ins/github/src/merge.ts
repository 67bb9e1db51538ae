import { GitError, git, mergedTree, writeCommit } from './bare.ts';
import { signature } from './bodies/account.ts';
import { announcePull } from './hooks.ts';
import { applyRefChanges } from './ref-changes.ts';
import { type Account, fullName, type Pull, type PushRecord, type Repository, type Site, timestamp } from './world.ts';

export interface MergeRequest {
  readonly method: 'merge' | 'squash';
  /** The head the caller has seen; another one refuses the merge. */
  readonly sha?: string | undefined;
  readonly title?: string | undefined;
  readonly message?: string | undefined;
}

export type MergeOutcome =
  | { readonly kind: 'merged'; readonly sha: string }
  | { readonly kind: 'moved'; readonly message: string }
  | { readonly kind: 'not_mergeable'; readonly message: string };

/** Merges a pull request with a real commit on its base branch. Runs under the repository's lock. */
export async function mergePull(
  site: Site,
  repository: Repository,
  pull: Pull,
  by: Account,
  via: PushRecord['via'],
  request: MergeRequest,
): Promise<MergeOutcome> {
  if (pull.state === 'closed') return { kind: 'not_mergeable', message: 'Pull Request is not mergeable' };
  if (pull.draft) return { kind: 'not_mergeable', message: 'Pull Request is still a draft' };
  if (request.sha !== undefined && request.sha !== pull.headSha)
    return { kind: 'moved', message: 'Head branch was modified. Review and try the merge again.' };
  const { directory } = repository;
  const { baseSha, headSha } = pull;
  const tree = await mergedTree(directory, baseSha, headSha);
  if (tree === undefined) return { kind: 'not_mergeable', message: 'Pull Request is not mergeable' };
  const from = `${fullName(repository).split('/')[0]}/${pull.head}`;
  const title =
    request.title ?? (request.method === 'squash' ? `${pull.title} (#${pull.number})` : `Merge pull request #${pull.number} from ${from}`);
  const sha = await writeCommit(directory, {
    tree,
    parents: request.method === 'squash' ? [baseSha] : [baseSha, headSha],
    message: `${title}\n\n${request.message ?? (request.method === 'squash' ? '' : pull.title)}`.trimEnd(),
    author: signature(by),
  });
  const ref = `refs/heads/${pull.base}`;
  try {
    await git(directory, ['update-ref', ref, sha, baseSha]);
  } catch (error) {
    if (error instanceof GitError) return { kind: 'moved', message: 'Base branch was modified. Review and try the merge again.' };
    throw error;
  }
  const at = timestamp();
  Object.assign(pull, { state: 'closed', closedAt: at, updatedAt: at, mergedAt: at, mergedBy: by, mergeCommitSha: sha });
  await applyRefChanges(site, repository, [{ ref, old: baseSha, new: sha }], by, via);
  await announcePull(site, repository, pull, by, 'closed');
  return { kind: 'merged', sha };
}
