import { FailureError } from 'cyrus-core/failure';
import type { GitIdentity } from './checkout.ts';
import type { Commit } from './evidence.ts';
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
  | {
      readonly kind: 'conflicts';
      readonly paths: readonly string[];
      /** What each side did to a file; at most 20. */
      readonly sides: readonly { readonly path: string; readonly into: Side; readonly head: Side }[];
      /** Commits of `into` that touched these files, the newest first; at most 10. */
      readonly commits: readonly Pick<Commit, 'sha' | 'subject'>[];
    };

type Side = 'added' | 'changed' | 'deleted';

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
  const tree = await run('merge', ['merge-tree', '--write-tree', '-z', '--no-messages', into, head], { answers: [1] });
  const [treeId = '', ...entries] = tree.stdout.split('\0');
  if (tree.code === 1) {
    const { paths, sides } = conflictsOf(entries);
    const args = ['log', '-z', '--max-count=10', '--no-show-signature', '--format=%H%n%<(200,trunc)%s', `${head}..${into}`, '--'];
    const log =
      paths.length === 0
        ? undefined
        : await run('list what was changed', [...args, ...paths.slice(0, 20).map((path) => `:(literal)${path}`)]);
    const commits = (log?.stdout ?? '')
      .split('\0')
      .filter(Boolean)
      .map((text) => {
        const [sha = '', ...subject] = text.split('\n');
        return { sha, subject: subject.join(' ').trim() };
      });
    return { kind: 'conflicts', paths, sides, commits };
  }
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

/** `<mode> <object> <stage>\t<path>`: stage 1 is what both began at, 2 what `into` made of it, 3 what `head` made of it. */
function conflictsOf(entries: readonly string[]): Pick<Extract<Merged, { kind: 'conflicts' }>, 'paths' | 'sides'> {
  const stages = new Map<string, Set<string>>();
  for (const entry of entries) {
    const [, stage, path] = /^\d{6} [0-9a-f]+ ([123])\t(.+)$/s.exec(entry) ?? [];
    if (stage === undefined || path === undefined) continue;
    stages.set(path, (stages.get(path) ?? new Set()).add(stage));
  }
  const side = (has: ReadonlySet<string>, stage: string): Side => (!has.has(stage) ? 'deleted' : has.has('1') ? 'changed' : 'added');
  const sides = [...stages].map(([path, has]) => ({ path, into: side(has, '2'), head: side(has, '3') }));
  return { paths: [...stages.keys()], sides: sides.slice(0, 20) };
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
