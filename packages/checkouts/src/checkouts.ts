import { createHash } from 'node:crypto';
import { mkdir, realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Clock, Instant } from 'cyrus-core/clock';
import { type Failure, FailureError } from 'cyrus-core/failure';
import type { Sandbox } from 'cyrus-core/ports/sandbox';
import {
  type Checkout,
  type CreateRequest,
  createCheckout,
  deleteCheckout,
  findCheckout,
  type GitIdentity,
  listCheckouts,
  rewriteCheckout,
  sweepCheckouts,
} from './checkout.ts';
import { type Collected, type CollectRequest, collectWork } from './collect.ts';
import { type Evidence, readDiff, readEvidence } from './evidence.ts';
import { dropGenerations, makeGeneration, unusedGenerations } from './generation.ts';
import { createGit, type Git } from './git.ts';
import { requireGit } from './git-version.ts';
import { writeHostFiles } from './host-files.ts';
import { type Included, type IncludeRequest, includeFiles } from './include.ts';
import { type IncludedInCommitsRequest, includedInCommits } from './included-in-commits.ts';
import { fetchLargeFiles, fillLargeFiles, hasGitLfs, pushLargeFiles } from './lfs-objects.ts';
import { type Merged, type MergeRequest, mergeInMirror } from './merge.ts';
import { type Mirror, type MirrorPlace, openMirror, openPlace } from './mirror.ts';
import { componentOf } from './names.ts';
import { deleteLargeFiles, type OldLargeFiles, oldLargeFiles } from './old-large-files.ts';
import { addWaiting, dropWaiting, forwardWaiting, listWaiting, outdated, sweepWaiting, takeWaiting, type WaitingRequest } from './pool.ts';
import { type PublishableRequest, unpublishable } from './publishable.ts';
import { type Pushed, type PushRequest, pushBranch } from './push.ts';
import type { RepositorySource } from './remote.ts';
import { listRemoteBranches, type RemoteBranchRequest, takeRemoteBranch } from './remote-branch.ts';
import { type RepackOutcome, repackMirror } from './repack.ts';
import { dropSaved, listSaved, readWeight, type SavedWork } from './saved-work.ts';
import { deleteStray, markUsed, readStray, type StrayMirror, strayPlaces, sweepStrays } from './stray-mirrors.ts';
import {
  fillSubmodules,
  findSubmodules,
  type SubmodulesRequest,
  submodulesWithLfs,
  type UnpushedSubmodule,
  unpushedSubmodules,
} from './submodules.ts';

export interface CheckoutsOptions {
  /**
   * `$CYRUS_HOME`: mirrors go to `repos/<id>.git`, checkouts to `checkouts/<name>/`.
   * One process at a time: the first use ends every git an earlier process left behind and removes what it left half made.
   */
  readonly root: string;
  readonly sandbox: Sandbox;
  /** A real clock: it limits real processes. */
  readonly clock: Clock;
  readonly gitIdentity: GitIdentity;
  /** For one clone or fetch; default 2 hours. */
  readonly fetchTimeoutMs?: number;
  /** What git needs of it is passed on; default `process.env`. */
  readonly hostEnvironment?: NodeJS.ProcessEnv;
}

/** All the product does with git. Methods throw FailureError for what is expected to fail. */
export interface Checkouts {
  /** Opens the mirror of a repository, made at its first use. Reads no network; call `fetch` for that. */
  mirror(repository: RepositorySource): Promise<Mirror>;
  create(request: CreateRequest): Promise<Checkout>;
  find(name: string): Promise<Checkout | undefined>;
  /** Every checkout there is, the oldest first. */
  list(): Promise<Checkout[]>;
  /** Copies files that git ignores from the user's own checkout into a new one, as `.worktreeinclude` of the base commit says. */
  include(request: IncludeRequest): Promise<Included>;
  /** What `include` would copy and unpublished commits have: an agent committed it. */
  includedInCommits(request: IncludedInCommitsRequest): Promise<readonly string[]>;
  /**
   * Checks out the submodules of a new checkout; the checkout as it is then, and the submodules whose large files (Git LFS) are pointers.
   * @throws FailureError that names a submodule that cannot be had
   */
  addSubmodules(
    request: Omit<SubmodulesRequest, 'open' | 'sha'> & { readonly checkout: Checkout },
  ): Promise<{ readonly checkout: Checkout; readonly withPointers: readonly string[] }>;
  /** Submodules that the work moved to commits which are surely not in their own repositories. */
  unpushedSubmodules(
    request: Omit<SubmodulesRequest, 'open' | 'sha'> & { readonly moved: Evidence['submodules'] },
  ): Promise<readonly UnpushedSubmodule[]>;
  /** Whether the machine can get files that are in Git LFS. */
  hasGitLfs(): Promise<boolean>;
  /**
   * Fetches the large files of a new checkout and puts them in place; the checkout as it is then.
   * @throws FailureError that names what cannot be had
   */
  addLargeFiles(request: {
    readonly mirror: Mirror;
    readonly checkout: Checkout;
    readonly files: readonly string[];
    readonly signal?: AbortSignal;
  }): Promise<Checkout>;
  collect(request: CollectRequest): Promise<Collected>;
  /** What of the work may not leave this machine; undefined: nothing. */
  unpublishable(request: PublishableRequest): Promise<Failure | undefined>;
  /** Deletes a checkout. Its work is collected first, unless `collected` shows that it is, or it was made to verify. Gone already is no error. */
  remove(request: { readonly mirror: Mirror; readonly checkout: Checkout; readonly collected?: Collected }): Promise<void>;
  evidence(request: { readonly mirror: Mirror; readonly base: string; readonly head: string }): Promise<Evidence>;
  diff(request: { readonly mirror: Mirror; readonly base: string; readonly head: string; readonly maxBytes: number }): Promise<{
    readonly text: string;
    readonly truncated: boolean;
  }>;
  merge(request: MergeRequest): Promise<Merged>;
  push(request: PushRequest): Promise<Pushed>;
  /**
   * Takes the work that somebody else pushed to a branch of the remote, to `refs/cyrus/wip/<attempt>`. Gives its head; undefined: there is
   * no such branch.
   */
  takeRemoteBranch(request: RemoteBranchRequest): Promise<string | undefined>;
  /** The names of the branches that the remote has now. */
  remoteBranches(request: { readonly mirror: Mirror; readonly signal?: AbortSignal }): Promise<readonly string[]>;
  /** Drops the saved work of an attempt once `pushed`, a commit on the remote as of the last fetch, holds it. False: it does not, nothing was dropped. */
  prune(request: { readonly mirror: Mirror; readonly attempt: string; readonly pushed: string }): Promise<boolean>;
  readonly pool: CheckoutPool;
  /** Work that is kept under names of ours. */
  saved(mirror: Mirror): Promise<SavedWork[]>;
  dropSaved(mirror: Mirror, saved: readonly SavedWork[]): Promise<void>;
  /** What the mirror takes on the disk, and how much of it a new generation would not have. */
  weight(mirror: Mirror): Promise<{ readonly bytes: number; readonly wasteBytes: number }>;
  /** Moves the mirror to a new generation, with what refs and the commits `keep` lead to. Living checkouts stay with the old one. */
  renew(mirror: Mirror, keep: readonly string[], signal?: AbortSignal): Promise<void>;
  /** Generations from which nothing borrows any more; deleted unless `dryRun`. Gives their directories. */
  oldGenerations(mirror: Mirror, options: { readonly dryRun: boolean }): Promise<readonly string[]>;
  /**
   * Large files (Git LFS) that came before `before`, are not in the default branch, and that no work needs which is not on the remote;
   * deleted unless `dryRun`.
   */
  oldLargeFiles(mirror: Mirror, options: { readonly before: Instant; readonly dryRun: boolean }): Promise<OldLargeFiles>;
  /** Mirrors of none of these repositories, by their ids. */
  strays(configured: readonly string[]): Promise<readonly StrayMirror[]>;
  /** Deletes a mirror that nothing is lost with. False: somebody has used it since it was listed, or it holds something. */
  dropStray(stray: StrayMirror): Promise<boolean>;
  /** Packs the mirror; drops nothing. Not done while a checkout borrows from it. */
  repack(mirror: Mirror): Promise<RepackOutcome>;
}

/** New checkouts that wait ready; `create` takes one where it fits. One caller at a time. */
export interface CheckoutPool {
  list(): Promise<Checkout[]>;
  add(request: WaitingRequest): Promise<Checkout>;
  /** Brings one to another commit. Undefined: a task has taken it. */
  forward(waiting: Checkout, request: WaitingRequest): Promise<Checkout | undefined>;
  drop(waiting: Checkout): Promise<void>;
  /** Those of the repository that no task can be given any more. */
  outdated(mirror: Mirror, sparse?: readonly string[]): Promise<Checkout[]>;
}

export function createCheckouts(options: CheckoutsOptions): Checkouts {
  const { sandbox, clock, gitIdentity } = options;
  const places = new Map<string, Promise<MirrorPlace>>();
  const mirrors = new Map<string, { readonly key: string; readonly opened: Promise<Mirror> }>();
  let begun: Promise<{ git: Git; root: string; runId: string }> | undefined;
  const begin = (): Promise<{ git: Git; root: string; runId: string }> => {
    begun ??= prepareHost(options).catch((error: unknown) => {
      begun = undefined;
      throw error;
    });
    return begun;
  };
  /** Mirrors that are being deleted: who wants one waits, and makes it anew. */
  const leaving = new Map<string, Promise<unknown>>();
  /** How often each mirror was opened. */
  const openings = new Map<string, number>();
  const placeOf = (git: Git, first: string): Promise<MirrorPlace> => {
    const known = places.get(first) ?? Promise.resolve(leaving.get(first)).then(() => openPlace(git, first));
    places.set(first, known);
    known.catch(() => places.get(first) === known && places.delete(first));
    return known;
  };
  const placeAt = async (mirror: Mirror): Promise<MirrorPlace> => {
    const place = await places.get(join((await begin()).root, 'repos', `${componentOf(mirror.id)}.git`));
    if (place === undefined) throw new Error(`the mirror of ${mirror.id} is not open`);
    return place;
  };
  /** Everything that borrows from the mirror, in whichever generation. */
  const borrowers = async (mirror: Mirror): Promise<Checkout[]> => borrowersOf((await placeAt(mirror)).first);
  const borrowersOf = async (first: string): Promise<Checkout[]> => {
    const place = await directory();
    const all = [...(await listCheckouts(place)), ...(await listWaiting(place))];
    // Of a submodule's mirror borrow checkouts of other repositories.
    const borrows = (path: string): boolean => path === join(first, 'objects') || path.startsWith(`${first}.g`);
    const own = ({ repositoryId }: Checkout): boolean => `${componentOf(repositoryId)}.git` === basename(first);
    return all.filter((checkout) => own(checkout) || checkout.readable.some(borrows));
  };
  const isBorrowed = async (first: string): Promise<boolean> => (await borrowersOf(first)).length > 0;
  const directory = async (): Promise<string> => join((await begin()).root, 'checkouts');

  const collect = async (request: CollectRequest): Promise<Collected> => {
    const host = { sandbox, identity: gitIdentity, runId: (await begin()).runId, path: searchPath(options.hostEnvironment ?? process.env) };
    return request.mirror.lock.shared(() => collectWork(host, request));
  };

  const checkouts: Checkouts = {
    collect,
    include: (request) => request.mirror.lock.shared(() => includeFiles(request)),
    includedInCommits: (request) => request.mirror.lock.shared(() => includedInCommits(request)),
    async addSubmodules({ checkout, ...request }) {
      const found = await findSubmodules({ ...request, sha: checkout.baseSha, open: (source) => checkouts.mirror(source) });
      if (found.length === 0) return { checkout, withPointers: [] };
      const readable = await fillSubmodules(checkout.directory, found, gitIdentity, request.signal);
      const withPointers = await submodulesWithLfs(found);
      const filled = await rewriteCheckout({ ...checkout, readable: [...new Set([...checkout.readable, ...readable])] });
      return { checkout: filled, withPointers };
    },
    unpushedSubmodules: ({ moved, ...request }) => unpushedSubmodules({ ...request, open: (source) => checkouts.mirror(source) }, moved),
    hasGitLfs: () => hasGitLfs((options.hostEnvironment ?? process.env)['PATH'] ?? ''),
    async addLargeFiles({ mirror, checkout, files, signal }) {
      await mirror.lock.shared(async () => {
        await fetchLargeFiles(mirror, checkout.baseSha, files, signal);
        await fillLargeFiles(mirror, checkout, files, signal);
      });
      return rewriteCheckout({ ...checkout, lfs: true });
    },
    unpublishable: (request) => request.mirror.lock.shared(() => unpublishable(request)),
    async mirror(repository) {
      const { git, root } = await begin();
      const place = join(root, 'repos', `${componentOf(repository.id)}.git`);
      const key = JSON.stringify([repository.id, repository.remoteUrl, repository.repositoryPath, repository.token]);
      for (;;) {
        const shared = placeOf(git, place);
        let entry = mirrors.get(place);
        if (entry?.key !== key) {
          // One mirror, opened again for another token or address: it keeps its place and lock.
          const opened = shared.then((found) =>
            openMirror({ git, clock, fetchTimeoutMs: options.fetchTimeoutMs ?? 2 * 3_600_000 }, found, repository),
          );
          const made = { key, opened };
          entry = made;
          mirrors.set(place, made);
          opened.catch(() => mirrors.get(place) === made && mirrors.delete(place));
        }
        const mirror = await entry.opened;
        await markUsed(mirror.directory, clock.now());
        // It may have been deleted meanwhile, as one that nobody uses; from here on it is not.
        if (places.get(place) !== shared) continue;
        openings.set(place, (openings.get(place) ?? 0) + 1);
        return mirror;
      }
    },
    async create(request) {
      const place = await directory();
      const { mirror } = request;
      return mirror.lock.shared(async () => {
        const sha = await mirror.resolve(request.sha);
        const waiting = sha === undefined || request.background ? undefined : await takeWaiting(place, clock, { ...request, sha });
        return waiting ?? createCheckout(place, gitIdentity, clock, request);
      });
    },
    find: async (name) => findCheckout(await directory(), name),
    list: async () => listCheckouts(await directory()),
    async remove({ mirror, checkout, collected }) {
      const place = await directory();
      const there = await findCheckout(place, checkout.name);
      if (there === undefined) return;
      if (there.purpose === 'work') {
        const saved = collected !== undefined && (await mirror.resolve(collected.ref)) === collected.sha;
        if (!saved) await collect({ mirror, checkout: there, attempt: `${there.name}-removed` });
      }
      await deleteCheckout(place, checkout.name);
    },
    evidence: ({ mirror, ...range }) => mirror.lock.shared(() => readEvidence(mirror, range)),
    diff: ({ mirror, ...range }) => mirror.lock.shared(() => readDiff(mirror, range)),
    merge: (request) => request.mirror.lock.shared(() => mergeInMirror(gitIdentity, request)),
    push: (request) =>
      request.mirror.lock.shared(async () => {
        await pushLargeFiles(request.mirror, request);
        return pushBranch(request);
      }),
    takeRemoteBranch: (request) => request.mirror.lock.shared(() => takeRemoteBranch(request)),
    remoteBranches: (request) => request.mirror.lock.shared(() => listRemoteBranches(request)),
    prune: ({ mirror, attempt, pushed }) => mirror.lock.shared(() => pruneWork(mirror, attempt, pushed)),
    pool: {
      list: async () => listWaiting(await directory()),
      async add(request) {
        const place = await directory();
        return request.mirror.lock.shared(() => addWaiting(place, gitIdentity, clock, request));
      },
      async forward(waiting, request) {
        const place = await directory();
        return request.mirror.lock.shared(() => forwardWaiting(place, waiting, request));
      },
      drop: async ({ name }) => dropWaiting(await directory(), name),
      outdated: async (mirror, sparse) => outdated(await directory(), mirror, sparse),
    },
    saved: (mirror) => mirror.lock.shared(() => listSaved(mirror)),
    dropSaved: (mirror, saved) => mirror.lock.shared(() => dropSaved(mirror, saved)),
    weight: (mirror) => mirror.lock.shared(() => readWeight(mirror)),
    async renew(mirror, keep, signal) {
      const place = await placeAt(mirror);
      const borrowed = (await borrowers(mirror)).map(({ baseSha }) => baseSha);
      await mirror.lock.exclusive(async () => {
        place.directory = await makeGeneration(mirror.git, place.first, [...keep, ...borrowed], { signal });
      });
    },
    async oldGenerations(mirror, { dryRun }) {
      const { first } = await placeAt(mirror);
      // Alone: whoever reads an old one at this moment is done first.
      return mirror.lock.exclusive(async () => {
        const borrowed = new Set((await borrowers(mirror)).flatMap(({ readable }) => readable));
        return dryRun ? unusedGenerations(first, borrowed) : dropGenerations(first, borrowed);
      });
    },
    oldLargeFiles: (mirror, { before, dryRun }) =>
      mirror.lock.exclusive(async () => {
        const old = await oldLargeFiles(mirror, before);
        if (!dryRun) await deleteLargeFiles(old);
        return old;
      }),
    async strays(configured) {
      const { git, root } = await begin();
      const known = new Set(configured.map((id) => `${componentOf(id)}.git`));
      const strays: StrayMirror[] = [];
      await sweepStrays(join(root, 'repos'));
      for (const first of await strayPlaces(join(root, 'repos'), known)) {
        const opened = openings.get(first) ?? 0;
        strays.push({ ...(await readStray(git, first, await isBorrowed(first))), opened });
      }
      return strays;
    },
    async dropStray({ first, lastUsedAt, opened }) {
      const { git } = await begin();
      const work = async (): Promise<boolean> => {
        const now = await readStray(git, first, await isBorrowed(first));
        if (now.holds !== null || now.lastUsedAt > lastUsedAt || (openings.get(first) ?? 0) !== opened) return false;
        places.delete(first);
        mirrors.delete(first);
        const deleted = deleteStray(now);
        const gone = deleted.catch(() => undefined).then(() => leaving.delete(first));
        leaving.set(first, gone);
        await deleted;
        return true;
      };
      const place = await places.get(first);
      return place === undefined ? work() : place.lock.exclusive(work);
    },
    async repack(mirror) {
      return mirror.lock.exclusive(async () => repackMirror(mirror, (await borrowers(mirror)).length));
    },
  };
  return checkouts;
}

async function prepareHost(options: CheckoutsOptions): Promise<{ git: Git; root: string; runId: string }> {
  await mkdir(options.root, { recursive: true, mode: 0o700 });
  const root = await realpath(options.root);
  // Names this home's own git, so that what a killed service left running is found and no other service's is.
  const runId = `git-${createHash('sha256').update(root).digest('hex').slice(0, 12)}`;
  await options.sandbox.killLeftovers(runId);
  await sweepCheckouts(join(root, 'checkouts'));
  await sweepWaiting(join(root, 'checkouts'));
  const files = await writeHostFiles(join(root, 'repos', '.git-host'));
  const host = options.hostEnvironment === undefined ? {} : { host: options.hostEnvironment };
  const git = createGit({ clock: options.clock, files, runId, ...host });
  await requireGit(git);
  return { git, root, runId };
}

/** The host's own, without entries that mean something else in another directory, and the usual places after it. */
function searchPath(host: NodeJS.ProcessEnv): string {
  const entries = (host['PATH'] ?? '').split(':').filter((entry) => entry.startsWith('/'));
  return [...new Set([...entries, '/usr/local/bin', '/usr/bin', '/bin'])].join(':');
}

async function pruneWork(mirror: Mirror, attempt: string, pushed: string): Promise<boolean> {
  const name = componentOf(attempt);
  const refs = [`refs/cyrus/wip/${name}`, `refs/cyrus/own/${name}`];
  const sha = await mirror.resolve(pushed);
  const git = (args: readonly string[], answers: readonly number[] = []) =>
    mirror.git.run({ did: 'drop saved work', gitDir: mirror.directory, args, answers });
  if (sha === undefined) throw new FailureError({ class: 'invalid_request', message: `${pushed} is not in the mirror.` });
  const onRemote = await git(['for-each-ref', '--count=1', `--contains=${sha}`, '--format=%(refname)', 'refs/remotes/origin/']);
  if (onRemote.stdout === '') return false;
  for (const ref of refs) {
    const tip = await mirror.resolve(ref);
    if (tip !== undefined && (await git(['merge-base', '--is-ancestor', tip, sha], [1])).code !== 0) return false;
  }
  for (const ref of refs) await git(['update-ref', '-d', '--', ref]);
  return true;
}
