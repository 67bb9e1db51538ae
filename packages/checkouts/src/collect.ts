import { mkdtemp, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Failure, FailureError } from 'cyrus-core/failure';
import type { Sandbox, SandboxedProcess } from 'cyrus-core/ports/sandbox';
import type { Checkout, GitIdentity } from './checkout.ts';
import type { Peer } from './git.ts';
import { copiedFiles } from './include.ts';
import { lfsUse } from './lfs.ts';
import { keepLargeFiles, lfsFilter } from './lfs-objects.ts';
import type { Mirror } from './mirror.ts';
import { componentOf } from './names.ts';
import { conePatterns } from './sparse.ts';

export interface CollectRequest {
  readonly mirror: Mirror;
  readonly checkout: Checkout;
  /** The work goes to `refs/cyrus/wip/<attempt>`. */
  readonly attempt: string;
  /** Default 2 minutes. */
  readonly timeoutMs?: number;
  /** Of what is new, packed; default 1 GiB. */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal;
  /** Saves nothing from a tree whose repository is gone or broken: what was saved of it before is worth more. */
  readonly whole?: boolean;
}

export interface Collected {
  /** Holds `sha` in the mirror. */
  readonly ref: string;
  /** All of the work: what the agent committed and, in a last commit of ours, what it did not. */
  readonly sha: string;
  /** What the agent itself committed last; its base when it committed nothing. */
  readonly committedSha: string;
  /** Whether `sha` holds changes the agent had not committed. */
  readonly uncommitted: boolean;
  /** Whether there is any work at all. */
  readonly changed: boolean;
  /** New files of Git LFS whose content is nowhere: only their pointers are there. Absent: none. */
  readonly lostLargeFiles?: readonly string[];
}

/** What collecting needs of the host. */
export interface CollectHost {
  readonly sandbox: Sandbox;
  readonly identity: GitIdentity;
  /** Starts the run id of every collection. */
  readonly runId: string;
  /** Where git is. */
  readonly path: string;
}

/**
 * Runs in the sandbox, where the agent's tree can be read and not written. It makes a repository of its own beside it, so that nothing
 * in the agent's `.git` has to be right: configuration, hooks, locks and index are not used, broken ones do no harm. A tree whose
 * repository is gone, or borrows objects from elsewhere, is saved on top of its base. Then it serves that repository on stdin and stdout.
 */
const serveWork = `
set -u
git init --quiet --bare --template= "--object-format=$FORMAT" served >&2 || exit 1
printf '%s\\n' "$OBJECTS" > served/objects/info/alternates
own=
objects="$TREE/.git/objects"
lent="$objects/info/alternates"
if [ -d "$objects" ] && [ ! -L "$TREE/.git" ] && [ -z "$(find "$objects" -type l)" ] && { [ ! -e "$lent" ] || [ "$(cat "$lent")" = "$OBJECTS" ]; }; then
  printf '%s\\n' "$objects" >> served/objects/info/alternates
  own=$(git -C "$TREE" rev-parse --verify --quiet --end-of-options 'HEAD^{commit}') || own=
fi
export GIT_DIR="$PWD/served"
case "$own" in *[!0-9a-f]*) own= ;; esac
[ -z "$WHOLE" ] || [ -n "$own" ] || { echo 'The repository of the checkout is gone.' >&2; exit 1; }
if [ -z "$own" ] || ! git cat-file -e "$own^{tree}" 2>/dev/null; then own=$BASE; fi
mkdir -p served/info
plain() { [ -f "$1" ] && [ ! -L "$1" ] && [ ! -L "$TREE/.git" ]; }
if [ -n "$CONE" ]; then
  printf '%s' "$CONE" > served/info/sparse-checkout
  git config core.sparseCheckout true && git config core.sparseCheckoutCone true
fi
plain "$TREE/.git/info/exclude" && cp "$TREE/.git/info/exclude" served/info/exclude
printf '%s' "$EXCLUDED" >> served/info/exclude
stage() {
  git --work-tree="$TREE" -c core.bare=false add --all --sparse --ignore-errors -- "$TREE" >&2
  [ -z "$COPIED" ] || printf '%s' "$COPIED" | base64 -d |
    git --work-tree="$TREE" -c core.bare=false update-index -z --force-remove --stdin >&2 || return 1
  tree=$(git write-tree)
}
# With its time: git trusts an entry unread unless the file is as new as the index.
copied() { plain "$TREE/.git/index" && cp -p "$TREE/.git/index" served/index; }
# A sparse tree is no tree whose other files were deleted.
fresh() {
  rm -f served/index && git read-tree "$own" || return 1
  [ -z "$CONE" ] || git --work-tree="$TREE" -c core.bare=false sparse-checkout reapply --cone >&2
}
tree=
{ copied && stage; } || { fresh && stage; } || exit 1
work=$own
if [ "$tree" != "$(git rev-parse "$own^{tree}")" ]; then
  work=$(git commit-tree "$tree" -p "$own" -m 'Work in progress' -m 'Saved by Cyrus: changes the agent had not committed.') || exit 1
fi
git update-ref refs/heads/work "$work" && git update-ref refs/heads/own "$own" || exit 1
exec git upload-pack --strict --timeout=60 "$GIT_DIR"
`;

/**
 * Gets the work of a checkout into the mirror, whether or not an agent is running in it; the checkout is not changed. The host
 * runs no git in the agent's tree: it fetches from a pipe what a sandbox without network serves.
 * @throws FailureError `no_evidence` when the tree cannot be read or is larger than allowed, `timeout`, `setup_failed`
 */
export async function collectWork(host: CollectHost, request: CollectRequest): Promise<Collected> {
  const { mirror, checkout, timeoutMs = 120_000, maxBytes = 1024 ** 3 } = request;
  const attempt = componentOf(request.attempt);
  const ref = `refs/cyrus/wip/${attempt}`;
  const ownRef = `refs/cyrus/own/${attempt}`;
  const scratch = await mkdtemp(join(dirname(checkout.directory), '.collect-'));
  const run = host.sandbox.spawn({
    runId: `${host.runId}-${attempt}`,
    command: '/bin/sh',
    args: ['-c', serveWork],
    cwd: scratch,
    env: { ...environment(host, request, scratch), ...withoutCopied(await copiedFiles(checkout)), ...withFilter(checkout) },
    writable: [scratch],
    readable: [checkout.directory, objectsOf(request)],
    network: 'none',
  });
  const said = lastWords(run);
  // A later generation of the mirror need not have where the work began.
  const known = (await mirror.resolve(checkout.baseSha)) !== undefined;
  let lost: { readonly lostLargeFiles?: readonly string[] } = {};
  try {
    await mirror.git.run({
      did: 'collect the work',
      gitDir: mirror.directory,
      timeoutMs,
      signal: request.signal,
      config: { 'protocol.fd.allow': 'always', 'protocol.version': '0', 'fetch.fsckObjects': 'true' },
      peer: peerOf(run, maxBytes),
      args: [
        ...['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', '--no-auto-maintenance', '--no-recurse-submodules', '--refmap='],
        ...(known ? [`--negotiation-tip=${checkout.baseSha}`] : []),
        ...['--', 'fd::3', `+refs/heads/work:${ref}`, `+refs/heads/own:${ownRef}`],
      ],
    });
    await run.kill();
    const storages = [join(scratch, 'served/lfs/objects'), join(checkout.directory, '.git/lfs/objects')];
    // An agent may have begun to use Git LFS by itself.
    const large = checkout.lfs === true || (await lfsUse(mirror, ref)) !== undefined;
    const pointers = large ? await keepLargeFiles(mirror, ref, storages) : [];
    if (pointers.length > 0) lost = { lostLargeFiles: pointers.map(({ path }) => path) };
  } catch (error) {
    await run.kill();
    throw await explained(error, run, said);
  } finally {
    await run.kill();
    await rm(scratch, { recursive: true, force: true });
  }
  const [sha, committedSha] = await Promise.all([mirror.resolve(ref), mirror.resolve(ownRef)]);
  if (sha === undefined || committedSha === undefined) throw new Error(`${ref} is missing after it was fetched`);
  return { ref, sha, committedSha, uncommitted: sha !== committedSha, changed: sha !== checkout.baseSha, ...lost };
}

/** What the checkout borrows from: the mirror as it was when the checkout was made. */
function objectsOf({ mirror, checkout }: Pick<CollectRequest, 'mirror' | 'checkout'>): string {
  return checkout.readable[0] ?? mirror.objectsDirectory;
}

/** How many settings of git `environment` makes. */
const ownSettings = 5;

function environment(
  { identity, path }: CollectHost,
  { mirror, checkout, whole }: CollectRequest,
  scratch: string,
): Record<string, string> {
  // The same work saved twice is the same commit.
  const date = `${Math.floor(checkout.createdAt / 1000)} +0000`;
  return {
    PATH: path,
    HOME: scratch,
    LC_ALL: 'C',
    TREE: checkout.directory,
    BASE: checkout.baseSha,
    FORMAT: checkout.baseSha.length === 64 ? 'sha256' : 'sha1',
    OBJECTS: objectsOf({ mirror, checkout }),
    WHOLE: whole ? '1' : '',
    CONE: checkout.sparse ? conePatterns(checkout.sparse) : '',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_COUNT: String(ownSettings),
    GIT_CONFIG_KEY_0: 'safe.directory',
    GIT_CONFIG_VALUE_0: '*',
    GIT_CONFIG_KEY_1: 'core.hooksPath',
    GIT_CONFIG_VALUE_1: '/dev/null',
    GIT_CONFIG_KEY_2: 'core.fsmonitor',
    GIT_CONFIG_VALUE_2: 'false',
    GIT_CONFIG_KEY_3: 'gc.auto',
    GIT_CONFIG_VALUE_3: '0',
    // What is written here is gone in a moment; the mirror's copy is what must last.
    GIT_CONFIG_KEY_4: 'core.fsync',
    GIT_CONFIG_VALUE_4: 'none',
    GIT_TERMINAL_PROMPT: '0',
    GIT_AUTHOR_NAME: identity.name,
    GIT_AUTHOR_EMAIL: identity.email,
    GIT_AUTHOR_DATE: date,
    GIT_COMMITTER_NAME: identity.name,
    GIT_COMMITTER_EMAIL: identity.email,
    GIT_COMMITTER_DATE: date,
  };
}

/** What the agent has not committed passes the filter it would have passed: pointers for git, content into the scratch directory. */
function withFilter(checkout: Checkout): Record<string, string> {
  if (!checkout.lfs) return {};
  const entries = Object.entries(lfsFilter).flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${ownSettings + index}`, key],
    [`GIT_CONFIG_VALUE_${ownSettings + index}`, value],
  ]);
  return { ...Object.fromEntries(entries), GIT_CONFIG_COUNT: String(ownSettings + Object.keys(lfsFilter).length) };
}

/** What was copied from the user's own checkout is no work, whatever the agent made of its ignore files. */
function withoutCopied(copied: readonly string[]): Record<string, string> {
  const escaped = (path: string): string => `/${path.replace(/[\\*?[\]!# \t]/g, '\\$&')}`;
  // A variable holds 128 KB. What was copied is always less; what commits hold beyond that is refused with them all the same.
  let roomBytes = 48_000;
  const held = copied.filter((path) => {
    roomBytes -= Buffer.byteLength(path) + 1;
    return roomBytes >= 0;
  });
  const plain = held.filter((path) => !path.includes('\n'));
  return {
    EXCLUDED: plain.length === 0 ? '' : `\n${plain.map(escaped).join('\n')}\n`,
    COPIED: Buffer.from(held.map((path) => `${path}\0`).join('')).toString('base64'),
  };
}

function peerOf(run: SandboxedProcess, maxBytes: number): Peer {
  const { stdin, stdout } = run.child;
  if (stdin === null || stdout === null) throw new Error('the sandbox gave no pipes');
  return { output: stdout, input: stdin, maxBytes };
}

function lastWords(run: SandboxedProcess): () => string {
  let text = '';
  run.child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    text = (text + chunk).slice(-4_000);
  });
  return () => text;
}

/** When the sandbox is what failed, the fetch only says that the other end hung up. */
async function explained(error: unknown, run: SandboxedProcess, said: () => string): Promise<unknown> {
  if (!(error instanceof FailureError)) return error;
  const { spawnError } = await run.exited;
  if (spawnError !== undefined) {
    const failure: Failure = {
      class: 'setup_failed',
      message: `Could not collect the work: ${spawnError.message}. ${said().trim().slice(-300)}`.trim(),
    };
    return new FailureError(failure, error);
  }
  if (['timeout', 'no_evidence', 'missing_binary', 'sandbox_lost'].includes(error.failure.class) || /space left|quota/i.test(error.message))
    return error;
  const words = said().trim().split('\n').at(-1)?.slice(-300) ?? '';
  return new FailureError(
    { class: 'no_evidence', message: `What the agent left cannot be read. ${error.failure.message} ${words}`.trim() },
    error,
  );
}
