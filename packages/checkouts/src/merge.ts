import { FailureError } from 'cyrus-core/failure';
import type { GitIdentity } from './checkout.ts';
import type { Mirror } from './mirror.ts';
import { isRefName } from './names.ts';

export interface MergeRequest {
  readonly mirror: Mirror;
  readonly into: string;
  readonly head: string;
  readonly message: string;
  /** Where the outcome is kept in the mirror; default `refs/cyrus/merged/<sha>`. */
  readonly ref?: string;
}

export type Merged =
  | { readonly kind: 'merged'; readonly sha: string; readonly fastForward: boolean }
  | { readonly kind: 'conflicts'; readonly paths: readonly string[] };

/**
 * Merges in the mirror, without a working copy. A fast-forward where possible, else a merge commit whose date is the later one of
 * its parents: the same merge made again after a crash is the same commit.
 * @throws FailureError `invalid_request` for unknown commits and unrelated histories
 */
export async function mergeInMirror(identity: GitIdentity, request: MergeRequest): Promise<Merged> {
  const { mirror } = request;
  const [into, head] = await Promise.all([known(mirror, request.into), known(mirror, request.head)]);
  const run = (
    did: string,
    args: readonly string[],
    more: { answers?: readonly number[]; env?: Record<string, string>; input?: string } = {},
  ) => mirror.git.run({ did, gitDir: mirror.directory, args, ...more });
  const isAncestor = async (a: string, b: string): Promise<boolean> =>
    (await run('compare the commits', ['merge-base', '--is-ancestor', a, b], { answers: [1] })).code === 0;

  if (await isAncestor(into, head)) return keep(mirror, request, head, true);
  if (await isAncestor(head, into)) return keep(mirror, request, into, true);
  if ((await run('compare the commits', ['merge-base', into, head], { answers: [1] })).code === 1) {
    throw new FailureError({ class: 'invalid_request', message: `${into} and ${head} share no history and cannot be merged.` });
  }
  const tree = await run('merge', ['merge-tree', '--write-tree', '-z', '--name-only', '--no-messages', into, head], { answers: [1] });
  const [treeId = '', ...names] = tree.stdout.split('\0');
  if (tree.code === 1) return { kind: 'conflicts', paths: [...new Set(names.filter((name) => name !== ''))] };
  const dates = await run('read the dates', ['log', '--no-walk', '--format=%ct', into, head]);
  const date = `${Math.max(...dates.stdout.trim().split('\n').map(Number))} +0000`;
  const commit = await run('commit the merge', ['commit-tree', treeId, '-p', into, '-p', head], {
    input: request.message,
    env: {
      GIT_AUTHOR_NAME: identity.name,
      GIT_AUTHOR_EMAIL: identity.email,
      GIT_AUTHOR_DATE: date,
      GIT_COMMITTER_NAME: identity.name,
      GIT_COMMITTER_EMAIL: identity.email,
      GIT_COMMITTER_DATE: date,
    },
  });
  return keep(mirror, request, commit.stdout.trim(), false);
}

async function keep(mirror: Mirror, request: MergeRequest, sha: string, fastForward: boolean): Promise<Merged> {
  const ref = request.ref ?? `refs/cyrus/merged/${sha}`;
  if (!ref.startsWith('refs/cyrus/') || !isRefName(ref)) throw new Error(`${ref} is no ref of ours`);
  await mirror.git.run({ did: `keep ${sha}`, gitDir: mirror.directory, args: ['update-ref', '--', ref, sha] });
  return { kind: 'merged', sha, fastForward };
}

async function known(mirror: Mirror, name: string): Promise<string> {
  const sha = await mirror.resolve(name);
  if (sha === undefined)
    throw new FailureError({ class: 'invalid_request', message: `Commit ${name} is not in the mirror of ${mirror.id}.` });
  return sha;
}
