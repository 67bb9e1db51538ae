import { FailureError } from 'cyrus-core/failure';
import type { Mirror } from './mirror.ts';
import { componentOf, isRefName } from './names.ts';

export interface RemoteBranchRequest {
  readonly mirror: Mirror;
  readonly branch: string;
  /** Its head goes to `refs/cyrus/wip/<attempt>`. */
  readonly attempt: string;
  /** Default 10 minutes. */
  readonly timeoutMs?: number;
  /** Of what is new, as git counts while it receives; default 1 GiB. */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal;
}

/**
 * Takes the work that somebody else pushed to a branch of the remote; undefined: there is no such branch. Every object is looked at before
 * it is taken.
 * @throws FailureError `no_evidence` for what git does not take or is larger than allowed; `auth`, `network`, `timeout`
 */
export async function takeRemoteBranch(request: RemoteBranchRequest): Promise<string | undefined> {
  const { mirror, branch, timeoutMs = 600_000, maxBytes = 1024 ** 3, signal } = request;
  const { git, remote } = mirror;
  if (!isRefName(branch) || branch.startsWith('refs/')) throw refused(`${JSON.stringify(branch.slice(0, 200))} is no name of a branch.`);
  const source = `refs/heads/${branch}`;
  const config = networkOf(mirror);
  const common = { gitDir: mirror.directory, credentials: remote.credentials };
  const listed = await git.run({
    ...common,
    config,
    signal,
    did: `look at ${branch}`,
    args: ['ls-remote', '--refs', '--', remote.url, source],
  });
  if (listed.stdout.trim() === '') return undefined;
  const ref = `refs/cyrus/wip/${componentOf(request.attempt)}`;
  const tooMuch = new AbortController();
  const larger = `The branch ${branch} brings more than ${Math.floor(maxBytes / 1024 ** 2)} MB.`;
  try {
    await git.run({
      ...common,
      did: `fetch ${branch}`,
      timeoutMs,
      signal: signal ? AbortSignal.any([signal, tooMuch.signal]) : tooMuch.signal,
      config: { ...config, 'fetch.fsckObjects': 'true' },
      onProgress: ({ received }) => bytesOf(received) > maxBytes && tooMuch.abort(),
      args: [
        ...['fetch', '--progress', '--no-tags', '--no-write-fetch-head', '--no-auto-maintenance', '--no-recurse-submodules', '--refmap='],
        ...['--', remote.url, `+${source}:${ref}`],
      ],
    });
  } catch (error) {
    if (tooMuch.signal.aborted) throw refused(larger);
    // Only what the objects themselves are to blame for.
    if (error instanceof FailureError && /fsck|fatal: bad object|index-pack failed/i.test(error.message))
      throw refused(`The branch ${branch} holds what git does not take. ${error.message}`);
    throw error;
  }
  // Git was done before it could be ended.
  if (tooMuch.signal.aborted) {
    await git.run({ ...common, did: `leave ${branch}`, args: ['update-ref', '-d', ref] });
    throw refused(larger);
  }
  return mirror.resolve(ref);
}

/**
 * The names of the branches that the remote has now.
 * @throws FailureError `auth`, `network`, `timeout`
 */
export async function listRemoteBranches({
  mirror,
  signal,
}: {
  readonly mirror: Mirror;
  readonly signal?: AbortSignal;
}): Promise<readonly string[]> {
  const { git, remote } = mirror;
  const listed = await git.run({
    ...{ gitDir: mirror.directory, credentials: remote.credentials, config: networkOf(mirror), signal },
    did: 'look at the branches of the remote',
    args: ['ls-remote', '--refs', '--heads', '--', remote.url],
  });
  return listed.stdout.split('\n').flatMap((line) => (line === '' ? [] : [line.replace(/^[^\t]*\trefs\/heads\//, '')]));
}

const networkOf = ({ remote }: Mirror): Record<string, string> =>
  remote.kind === 'local' ? { 'protocol.file.allow': 'always' } : { 'http.lowSpeedLimit': '1', 'http.lowSpeedTime': '300' };

const units: Readonly<Record<string, number>> = { bytes: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** `1.20 GiB`, as git writes it. */
function bytesOf(text = ''): number {
  const [count = '0', unit = 'bytes'] = text.split(' ');
  return Number(count) * (units[unit] ?? 1);
}

const refused = (message: string): FailureError => new FailureError({ class: 'no_evidence', message });
