import type { Checkouts } from 'cyrus-checkouts/checkouts';
import { type LfsUse, lfsUse } from 'cyrus-checkouts/lfs';
import type { Mirror } from 'cyrus-checkouts/mirror';
import { FailureError } from 'cyrus-core/failure';
import type { Repositories } from './repositories.ts';

export interface LargeFiles {
  /** What a person should know. */
  readonly remark?: string;
  /** To be fetched and put in place; absent: the repository has none, or their pointers will do. */
  readonly files?: readonly string[];
}

/**
 * How the large files of a commit are to be had. Looked at before there is a checkout.
 * @throws FailureError `missing_binary` where they cannot be had and nobody said that their pointers will do
 */
export async function largeFilesOf(
  { repositories, checkouts }: { readonly repositories: Pick<Repositories, 'config'>; readonly checkouts: Pick<Checkouts, 'hasGitLfs'> },
  request: { readonly repositoryId: string; readonly mirror: Mirror; readonly sha: string },
): Promise<LargeFiles> {
  const { mirror, sha, repositoryId } = request;
  // Whoever makes the checkout tells of it.
  if ((await mirror.resolve(sha)) === undefined) return {};
  const use = await mirror.lock.shared(() => lfsUse(mirror, sha));
  if (use === undefined) return {};
  if (repositories.config(repositoryId)?.lfs === 'pointers')
    return { remark: `Large files of Git LFS are pointer files here, as repositories[].lfs says: ${named(use)}.` };
  if (await checkouts.hasGitLfs()) return { files: use.files };
  throw new FailureError({
    class: 'missing_binary',
    message: `This repository keeps files in Git LFS (${named(use)}), and git-lfs is not installed on this machine. No agent was started.`,
    fix: 'Install git-lfs (apt-get install git-lfs, brew install git-lfs), or set repositories[].lfs to "pointers" to work with the pointer files. Then write here to try again.',
  });
}

/** What is said of a run elsewhere: no executor tells whether it gets large files. What comes back is checked here, with them. */
export async function largeFilesElsewhere(mirror: Mirror, sha: string): Promise<string | undefined> {
  const use = await mirror.lock.shared(() => lfsUse(mirror, sha));
  return use === undefined
    ? undefined
    : `This repository keeps files in Git LFS (${named(use)}): whether an agent elsewhere has more than their pointers is up to its service.`;
}

function named({ files, patterns }: LfsUse): string {
  const names = files.length > 0 ? files : patterns;
  const more = names.length - 5;
  return `${names.slice(0, 5).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
