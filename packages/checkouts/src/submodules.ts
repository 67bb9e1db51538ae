import { lstat, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FailureError } from 'cyrus-core/failure';
import type { GitIdentity } from './checkout.ts';
import { gitlinksOf, type SubmoduleEntry, submoduleEntries } from './gitlinks.ts';
import { lfsUse } from './lfs.ts';
import type { Mirror } from './mirror.ts';
import { isInnerPath, makeRealParents } from './real-parents.ts';
import { type RepositorySource, remoteOf } from './remote.ts';
import { relativeAddress } from './submodule-address.ts';

/** A submodule as it is to be in a checkout, with its own below it. */
export interface Submodule {
  readonly name: string;
  readonly path: string;
  readonly sha: string;
  readonly mirror: Mirror;
  readonly inner: readonly Submodule[];
}

export interface SubmodulesRequest {
  readonly mirror: Mirror;
  /** Its `.gitmodules` says where the submodules come from. What the work says of it does not count. */
  readonly baseSha: string;
  /** Its entries say which commits are checked out. */
  readonly sha: string;
  readonly open: (source: RepositorySource) => Promise<Mirror>;
  readonly signal?: AbortSignal;
}

const maxDepth = 5;
const maxSubmodules = 100;

/**
 * Finds the submodules of a commit and fetches what they need into mirrors of their own. The repository's token is shown to addresses of
 * the same host and to no other.
 * @throws FailureError that names the submodule, when one cannot be had
 */
export async function findSubmodules(request: SubmodulesRequest): Promise<readonly Submodule[]> {
  return below(request, { depth: 1, budget: { left: maxSubmodules }, at: '' });
}

interface Depth {
  readonly depth: number;
  readonly budget: { left: number };
  readonly at: string;
}

async function below(request: SubmodulesRequest, { depth, budget, at }: Depth): Promise<readonly Submodule[]> {
  const { mirror, baseSha, sha } = request;
  const entries = (await submoduleEntries(mirror, baseSha)).filter((entry) => !entry.skipped);
  if (entries.length === 0) return [];
  const links = await gitlinksOf(mirror, sha);
  const found: Submodule[] = [];
  for (const entry of entries) {
    const commit = links.get(entry.path);
    if (commit === undefined) continue;
    const shown = `${at}${entry.path}`;
    if (!isInnerPath(entry.path) || /["\n\r\\]/.test(entry.name)) throw cannot(shown, 'its path or name is not one that git would take.');
    if (depth > maxDepth) throw cannot(shown, `submodules are nested deeper than ${maxDepth}.`);
    if (budget.left-- <= 0) throw cannot(shown, `there are more than ${maxSubmodules} submodules.`);
    request.signal?.throwIfAborted();
    const own = await fetched(request, entry, commit, shown);
    const inner = await below({ ...request, mirror: own, baseSha: commit, sha: commit }, { depth: depth + 1, budget, at: `${shown}/` });
    found.push({ name: entry.name, path: entry.path, sha: commit, mirror: own, inner });
  }
  return found;
}

/** Moved to commits that their own repositories do not have: nobody but this machine could check them out. */
export interface UnpushedSubmodule {
  readonly path: string;
  readonly from: string | null;
  readonly to: string;
}

/**
 * Those of the moved submodules whose new commit is surely not in their repository. Only addresses of the base commit's `.gitmodules` are
 * asked; one that cannot be reached now says nothing.
 */
export async function unpushedSubmodules(
  request: Omit<SubmodulesRequest, 'sha'>,
  moved: readonly { readonly path: string; readonly from: string | null; readonly to: string | null }[],
): Promise<readonly UnpushedSubmodule[]> {
  const entries = moved.length === 0 ? [] : await submoduleEntries(request.mirror, request.baseSha);
  const found: UnpushedSubmodule[] = [];
  for (const { path, from, to } of moved) {
    const entry = entries.find((each) => each.path === path);
    if (entry === undefined || to === null) continue;
    try {
      if (!(await hasCommit(await request.open(sourceOf(request.mirror, entry.url)), to, request.signal))) found.push({ path, from, to });
    } catch (error) {
      if (!(error instanceof FailureError) || request.signal?.aborted) throw error;
    }
  }
  return found;
}

async function hasCommit(mirror: Mirror, commit: string, signal: AbortSignal | undefined): Promise<boolean> {
  if ((await mirror.resolve(commit)) !== undefined) return true;
  await mirror.fetch(signal === undefined ? {} : { signal });
  return (await mirror.resolve(commit)) !== undefined || fetchCommit(mirror, commit, signal);
}

async function fetched(request: SubmodulesRequest, entry: SubmoduleEntry, commit: string, shown: string): Promise<Mirror> {
  try {
    const mirror = await request.open(sourceOf(request.mirror, entry.url));
    if (await hasCommit(mirror, commit, request.signal)) return mirror;
    throw new FailureError({
      class: 'invalid_request',
      message: `commit ${commit.slice(0, 10)} is not in ${mirror.remote.url}.`,
      fix: 'Push that commit of the submodule',
    });
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    throw cannot(shown, `${error.failure.message}`, error.failure);
  }
}

/** A commit that no branch leads to; hosts give it when asked by name. */
async function fetchCommit(mirror: Mirror, commit: string, signal: AbortSignal | undefined): Promise<boolean> {
  const { remote, directory } = mirror;
  try {
    await mirror.lock.shared(() =>
      mirror.git.run({
        did: `fetch ${commit}`,
        gitDir: directory,
        credentials: remote.credentials,
        signal,
        timeoutMs: 15 * 60_000,
        config: remote.kind === 'local' ? { 'protocol.file.allow': 'always' } : {},
        args: [
          ...['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', '--no-auto-maintenance', '--no-recurse-submodules'],
          ...['--refmap=', '--', remote.url, `${commit}:refs/cyrus/pinned/${commit}`],
        ],
      }),
    );
  } catch (error) {
    if (error instanceof FailureError && error.failure.class !== 'network') return false;
    throw error;
  }
  return (await mirror.resolve(commit)) !== undefined;
}

function sourceOf(parent: Mirror, url: string): RepositorySource {
  const address = relativeAddress(parent.remote.url, url);
  const remote = remoteOf(address);
  if (remote.kind === 'local' && parent.remote.kind !== 'local')
    throw new FailureError({
      class: 'invalid_request',
      message: `${url} is a place on this machine, which a remote repository may not name.`,
    });
  const id = `submodule ${remote.url}`;
  const credentials = parent.remote.credentials;
  const own = remote.credentials;
  if (own !== undefined) return { id, remoteUrl: address };
  if (credentials === undefined) return { id, remoteUrl: address };
  const withToken = remoteOf(address, credentials.password);
  if (withToken.credentials?.origin !== credentials.origin) return { id, remoteUrl: address };
  const named = new URL(withToken.url);
  named.username = encodeURIComponent(credentials.username);
  return { id, remoteUrl: named.href, token: credentials.password };
}

/** Checks the submodules out where they belong: each with a repository of its own, which borrows its mirror's objects. */
export async function fillSubmodules(
  tree: string,
  submodules: readonly Submodule[],
  identity: GitIdentity,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const readable: string[] = [];
  let config = '';
  for (const { name, path, sha, mirror, inner } of submodules) {
    const place = join(tree, path);
    if (!(await makeRealParents(tree, path))) throw cannot(path, 'something else is in its place.');
    await mkdir(place).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    if (!(await lstat(place)).isDirectory()) throw cannot(path, 'something else is in its place.');
    await mirror.lock.shared(() => checkOut(mirror, place, sha, identity, signal));
    readable.push(mirror.objectsDirectory, ...(await fillSubmodules(place, inner, identity, signal)));
    config += `[submodule "${name}"]\n\tactive = true\n\turl = "${mirror.remote.url.replace(/["\\]/g, '\\$&')}"\n`;
  }
  if (config !== '') {
    const file = join(tree, '.git/config');
    const before = (await readFile(file, 'utf8')).split('[submodule "')[0] ?? '';
    await writeFile(file, before + config);
  }
  return [...new Set(readable)];
}

/** Paths of those that keep files in Git LFS. */
export async function submodulesWithLfs(submodules: readonly Submodule[], at: string = ''): Promise<readonly string[]> {
  const found = await Promise.all(
    submodules.map(async ({ mirror, sha, path, inner }) => {
      const uses = ((await lfsUse(mirror, sha))?.files.length ?? 0) > 0;
      return [...(uses ? [`${at}${path}`] : []), ...(await submodulesWithLfs(inner, `${at}${path}/`))];
    }),
  );
  return found.flat();
}

async function checkOut(mirror: Mirror, tree: string, sha: string, identity: GitIdentity, signal: AbortSignal | undefined): Promise<void> {
  const format = sha.length === 64 ? 'sha256' : 'sha1';
  const { git } = mirror;
  await git.run({ did: 'make a submodule', cwd: '/', signal, args: ['init', '--quiet', '--template=', `--object-format=${format}`, tree] });
  await mkdir(join(tree, '.git/objects/info'), { recursive: true });
  await writeFile(join(tree, '.git/objects/info/alternates'), `${mirror.objectsDirectory}\n`);
  const values: readonly (readonly [string, string])[] = [
    ['user.name', identity.name],
    ['user.email', identity.email],
    ['gc.auto', '0'],
    ['maintenance.auto', 'false'],
  ];
  for (const [key, value] of values) await git.run({ did: 'make a submodule', cwd: tree, signal, args: ['config', '--local', key, value] });
  await git.run({
    did: `check out ${sha} of a submodule`,
    cwd: tree,
    signal,
    timeoutMs: 15 * 60_000,
    args: ['checkout', '--quiet', '--force', '--detach', sha, '--'],
  });
}

function cannot(
  path: string,
  why: string,
  cause?: { readonly class: FailureError['failure']['class']; readonly fix?: string },
): FailureError {
  const first = cause?.fix ? `${cause.fix.replace(/\.$/, '')}, or set` : 'Mend .gitmodules on the base branch, or set';
  return new FailureError({
    class: cause?.class ?? 'invalid_request',
    message: `The submodule ${path} cannot be had: ${why}`,
    fix: `${first} repositories[].submodules to false to go on without submodules.`,
  });
}
