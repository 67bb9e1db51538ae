import { FailureError } from 'cyrus-core/failure';
import { branchPattern } from './branch-name.ts';
import { gitFailure } from './git-failure.ts';
import type { Mirror } from './mirror.ts';
import { objectIdPattern } from './names.ts';
import { type Remote, remoteOf } from './remote.ts';

export interface PushRequest {
  readonly mirror: Mirror;
  readonly sha: string;
  /** Must be `cyrus/…`. */
  readonly branch: string;
  /** The head of the branch as last seen on the remote; null: there is none yet. */
  readonly lease: string | null;
  /** Another place than where the mirror comes from. */
  readonly remoteUrl?: string;
  readonly token?: string;
  readonly signal?: AbortSignal;
}

export type Pushed =
  | { readonly kind: 'pushed'; readonly alreadyThere: boolean }
  /** Somebody else moved the branch; `remoteSha` is where it is now, null when it is gone. Nothing was written. */
  | { readonly kind: 'stale'; readonly remoteSha: string | null };

const pushTimeoutMs = 10 * 60_000;

/**
 * Puts `sha` on a branch of the remote, from the mirror. Safe to repeat: a push whose answer was lost is found done. Where the branch has
 * come nearer to `sha` than the lease knows (an earlier push of ours whose end nobody heard of), it is moved on: nothing is lost by that.
 * @throws FailureError `auth`, `network`, `timeout`, `rate_limited`; `invalid_request` when the remote's rules refuse it or the
 *   branch is not one of ours
 */
export async function pushBranch(request: PushRequest): Promise<Pushed> {
  const pushed = await pushOnce(request);
  if (pushed.kind !== 'stale' || pushed.remoteSha === null || !(await liesBetween(request, pushed.remoteSha))) return pushed;
  return pushOnce({ ...request, lease: pushed.remoteSha });
}

/** Whether the way from the lease to `sha` leads over `head`. A branch that somebody put back to an earlier commit is not on it. */
async function liesBetween({ mirror, sha, lease, signal }: PushRequest, head: string): Promise<boolean> {
  if ((await mirror.resolve(head)) === undefined) return false;
  const isAncestor = async (earlier: string, later: string): Promise<boolean> => {
    const args = ['merge-base', '--is-ancestor', earlier, later];
    const run = await mirror.git.run({ gitDir: mirror.directory, signal, did: 'compare two commits', answers: [1], args });
    return run.code === 0;
  };
  return (await isAncestor(head, sha)) && (lease === null || (await isAncestor(lease, head)));
}

async function pushOnce(request: PushRequest): Promise<Pushed> {
  const { mirror, sha, branch, lease } = request;
  if (!branchPattern.test(branch)) throw invalid(`${branch} is not a branch Cyrus may push.`);
  if (!objectIdPattern.test(sha) || (lease !== null && !objectIdPattern.test(lease))) throw invalid('A push needs full object ids.');
  const remote = destination(request);
  const ref = `refs/heads/${branch}`;
  const common = { gitDir: mirror.directory, credentials: remote.credentials, signal: request.signal, config: localAllowed(remote) };
  const push = await mirror.git.run({
    ...common,
    did: `push ${branch}`,
    timeoutMs: pushTimeoutMs,
    answers: [1, 128],
    args: [
      ...['push', '--porcelain', '--no-verify', '--no-follow-tags', '--no-signed', '--recurse-submodules=no'],
      ...[`--force-with-lease=${ref}:${lease ?? ''}`, '--', remote.url, `${sha}:${ref}`],
    ],
  });
  const flag = /^([ +=*!-])\t/m.exec(push.stdout)?.[1];
  if (push.code === 0) return { kind: 'pushed', alreadyThere: flag === '=' };
  // Whatever git says, the remote's own word decides: the push may have been done by an earlier call, or by this one before the line broke.
  const now = await mirror.git
    .run({ ...common, did: `look at ${branch}`, args: ['ls-remote', '--refs', '--', remote.url, ref] })
    .catch(() => undefined);
  const remoteSha = now?.stdout.split(/\s/)[0] || null;
  if (now !== undefined && remoteSha === sha) return { kind: 'pushed', alreadyThere: true };
  if (now !== undefined && remoteSha !== lease) return { kind: 'stale', remoteSha };
  throw new FailureError(gitFailure(`push ${branch}`, `${push.stderr}\n${push.stdout.replace(/^!\t/gm, '! ')}`));
}

function destination(request: PushRequest): Remote {
  if (request.remoteUrl !== undefined) return remoteOf(request.remoteUrl, request.token);
  const { remote } = request.mirror;
  if (remote.kind === 'local') {
    throw new FailureError({
      class: 'invalid_request',
      message: `Repository ${request.mirror.id} has no remote to push to; a user's own checkout is never written to.`,
      fix: 'Give the repository a remote URL.',
    });
  }
  return request.token === undefined ? remote : remoteOf(remote.url, request.token);
}

function localAllowed(remote: Remote): Record<string, string> {
  return remote.kind === 'local' ? { 'protocol.file.allow': 'always' } : {};
}

const invalid = (message: string): FailureError => new FailureError({ class: 'invalid_request', message });
