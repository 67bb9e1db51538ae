import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock, Instant } from 'cyrus-core/clock';
import { FailureError } from 'cyrus-core/failure';
import { createFlight } from './flight.ts';
import { currentGeneration, defaultBranchFile, makeMirror, sweepGenerations } from './generation.ts';
import type { Git } from './git.ts';
import { createLock, type Lock } from './lock.ts';
import { isRefName, objectIdPattern } from './names.ts';
import type { GitProgress } from './progress.ts';
import { type Remote, type RepositorySource, remoteOf } from './remote.ts';
import { salvage, setAsideMirror } from './salvage.ts';

export interface Fetched {
  /** What the remote's HEAD names; without one, `main`, `master` or the first branch. */
  readonly defaultBranch: string;
}

/** What is asked of a fetch. */
export interface FetchWish {
  /** A fetch that began at this time or later is new enough, also one that is over. Absent: one that is under way is joined. */
  readonly since?: Instant | undefined;
  /** Ends the waiting; and the fetch, once nobody waits for it. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: GitProgress) => void) | undefined;
}

/** The private bare copy of one repository. Everything the product knows of the repository's history it reads here. */
export interface Mirror {
  readonly id: string;
  /** Changes when the mirror's space is taken back; within the lock it stays. */
  readonly directory: string;
  /** What new checkouts borrow from, read only. */
  readonly objectsDirectory: string;
  readonly remote: Remote;
  readonly git: Git;
  readonly lock: Lock;
  /**
   * Brings `refs/remotes/origin/*` up to the remote. Many who ask at once cost one.
   * @throws FailureError `auth`, `network`, `timeout`; `invalid_request` when the repository has no commits; `sandbox_lost` when aborted
   */
  fetch(wish?: FetchWish): Promise<Fetched>;
  /** As of the last fetch. */
  defaultBranch(): Promise<string | undefined>;
  /** The commit of a branch of the remote, of a full ref name, or of a full object id; undefined when there is none. */
  resolve(name: string): Promise<string | undefined>;
}

/** What all openings of one mirror share. */
export interface MirrorPlace {
  /** Where its first generation is or was. */
  readonly first: string;
  readonly lock: Lock;
  directory: string;
  readonly last: { answer?: { readonly value: Fetched; readonly began: Instant } };
}

export interface MirrorHost {
  readonly git: Git;
  readonly clock: Clock;
  readonly fetchTimeoutMs: number;
}

/** Makes the mirror that begins in `first` when absent, rebuilds it when it is broken. No network. To be called once a process. */
export async function openPlace(git: Git, first: string): Promise<MirrorPlace> {
  await mkdir(dirname(first), { recursive: true, mode: 0o700 });
  await sweepGenerations(first);
  const directory = await currentGeneration(first);
  await prepare(git, directory);
  return { first, directory, lock: createLock(), last: {} };
}

/** A mirror as it is reached at one address with one token. */
export async function openMirror(host: MirrorHost, place: MirrorPlace, source: RepositorySource): Promise<Mirror> {
  const { git, clock } = host;
  const { lock } = place;
  const remote = await findRemote(git, source);
  const flight = createFlight<Fetched, GitProgress>(clock, place.last, async ({ signal, begin, tell }) => {
    const fetchNow = () =>
      lock.inTurn(() => {
        begin();
        return fetchOnce(host, place.directory, remote, signal, tell);
      });
    try {
      return await fetchNow();
    } catch (error) {
      await removeHalfPacks(place);
      if (signal.aborted || !(await lock.shared(() => isBroken(git, place.directory)))) throw error;
      await lock.exclusive(() => rebuild(git, place.directory));
      return await fetchNow();
    }
  });
  return {
    id: source.id,
    get directory() {
      return place.directory;
    },
    get objectsDirectory() {
      return join(place.directory, 'objects');
    },
    remote,
    git,
    lock,
    fetch: (wish) => flight.join(wish),
    defaultBranch: () => readFile(join(place.directory, defaultBranchFile), 'utf8').catch(() => undefined),
    resolve: (name) => resolveCommit(git, place.directory, name),
  };
}

async function findRemote(git: Git, source: RepositorySource): Promise<Remote> {
  if (source.remoteUrl !== undefined) return remoteOf(source.remoteUrl, source.token);
  if (source.repositoryPath === undefined) {
    throw new FailureError({ class: 'invalid_request', message: `Repository ${source.id} has neither a remote URL nor a path.` });
  }
  const found = await stat(source.repositoryPath).catch(() => undefined);
  if (!found?.isDirectory()) {
    throw new FailureError({
      class: 'invalid_request',
      message: `${source.repositoryPath} is no directory.`,
      fix: 'Correct repositoryPath.',
    });
  }
  const { stdout } = await git.run({
    did: 'read the address of the repository',
    args: ['-C', source.repositoryPath, 'config', '--local', '--no-includes', '--get', 'remote.origin.url'],
    answers: [1],
  });
  const origin = stdout.trim();
  // An origin that is itself a relative path means something only inside that checkout.
  const known = origin === '' || /^\.{1,2}\//.test(origin) ? source.repositoryPath : origin;
  return remoteOf(known, source.token);
}

async function prepare(git: Git, directory: string): Promise<void> {
  if ((await stat(directory).catch(() => undefined)) === undefined) await makeMirror(git, directory);
  else {
    await removeStale(directory);
    if (await isBroken(git, directory)) await rebuild(git, directory);
  }
  await salvage(git, directory);
}

async function rebuild(git: Git, directory: string): Promise<void> {
  await setAsideMirror(directory);
  await makeMirror(git, directory);
  await salvage(git, directory);
}

/** What a git that was killed leaves behind. Called before any git of this process works in the mirror. */
async function removeStale(directory: string): Promise<void> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const stale = entries.filter((entry) => entry.isFile() && (entry.name.endsWith('.lock') || /^(?:\.?tmp-|tmp_)/.test(entry.name)));
  await Promise.all(stale.map((entry) => rm(join(entry.parentPath, entry.name), { force: true })));
}

/** What a fetch that was ended, or whose connection broke, had received. Git does not go on with it. Nobody waits where there is none. */
async function removeHalfPacks({ directory, lock }: MirrorPlace): Promise<void> {
  const packs = join(directory, 'objects/pack');
  const halves = async (): Promise<string[]> => (await readdir(packs).catch(() => [])).filter((name) => name.startsWith('tmp_'));
  if ((await halves()).length === 0) return;
  // Alone: those of whoever else receives something at this moment have the same names.
  await lock.exclusive(async () => {
    for (const name of await halves()) await rm(join(packs, name), { force: true });
  });
}

/** Whether git no longer takes it for a repository, or a ref leads to an object that is not there. */
async function isBroken(git: Git, directory: string): Promise<boolean> {
  try {
    const { stdout } = await git.run({ did: 'read the refs', gitDir: directory, args: ['for-each-ref', '--format=%(objectname)'] });
    const checked = await git.run({
      did: 'read the objects',
      gitDir: directory,
      args: ['cat-file', '--batch-check', '--buffer'],
      input: stdout,
    });
    return checked.stdout.includes(' missing') || /corrupt|truncated|bad object|index unavailable|cannot be accessed/.test(checked.stderr);
  } catch {
    return true;
  }
}

async function fetchOnce(
  { git, fetchTimeoutMs }: MirrorHost,
  directory: string,
  remote: Remote,
  signal: AbortSignal,
  onProgress: (progress: GitProgress) => void,
): Promise<Fetched> {
  const common = { gitDir: directory, credentials: remote.credentials, signal };
  const config: Record<string, string> =
    // A connection over which nothing comes any more is given up.
    remote.kind === 'local' ? { 'protocol.file.allow': 'always' } : { 'http.lowSpeedLimit': '1', 'http.lowSpeedTime': '300' };
  const fetchRefs = (refs: string) =>
    git.run({
      ...common,
      config,
      did: `fetch ${remote.url}`,
      timeoutMs: fetchTimeoutMs,
      timeoutFix: 'Give it longer with checkouts.fetchTimeoutMs, or see what makes the connection slow. Then write here to try again.',
      onProgress,
      args: [
        ...['fetch', '--progress', '--prune', '--no-tags', '--no-write-fetch-head', '--no-auto-maintenance', '--no-recurse-submodules'],
        ...['--refmap=', '--', remote.url, refs],
      ],
    });
  const everything = '+refs/heads/*:refs/remotes/origin/*';
  const ask = async (): Promise<string | undefined> => {
    const args = ['ls-remote', '--symref', '--', remote.url, 'HEAD'];
    const { stdout } = await git.run({ ...common, config, did: 'ask for the default branch', args });
    const name = /^ref: refs\/heads\/(.+)\tHEAD$/m.exec(stdout)?.[1];
    return name !== undefined && isRefName(name) && /^[0-9a-f]+\tHEAD$/m.test(stdout) ? name : undefined;
  };
  let named: string | undefined;
  if ((await remoteBranches(git, directory)).length > 0) [named] = await Promise.all([ask(), fetchRefs(everything)]);
  else {
    // A first fetch may be long. Git cannot go on with one that broke off, but what has come whole is not fetched again.
    named = await ask();
    if (named !== undefined) await fetchRefs(`+refs/heads/${named}:refs/remotes/origin/${named}`);
    await fetchRefs(everything);
  }
  const branches = await remoteBranches(git, directory);
  const defaultBranch = [named, 'main', 'master', branches[0]].find((name) => name !== undefined && branches.includes(name));
  if (defaultBranch === undefined) {
    throw new FailureError({ class: 'invalid_request', message: `${remote.url} has no commits.`, fix: 'Push a first commit to it.' });
  }
  await writeFile(join(directory, defaultBranchFile), defaultBranch);
  await salvage(git, directory);
  return { defaultBranch };
}

async function remoteBranches(git: Git, directory: string): Promise<string[]> {
  const prefix = 'refs/remotes/origin/';
  const { stdout } = await git.run({ did: 'list the branches', gitDir: directory, args: ['for-each-ref', '--format=%(refname)', prefix] });
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.slice(prefix.length));
}

async function resolveCommit(git: Git, directory: string, name: string): Promise<string | undefined> {
  if (!objectIdPattern.test(name) && !isRefName(name)) return undefined;
  const full = objectIdPattern.test(name) || name.startsWith('refs/') ? name : `refs/remotes/origin/${name}`;
  const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${full}^{commit}`];
  const { stdout } = await git.run({ did: `find ${name}`, gitDir: directory, args, answers: [1, 128] });
  return stdout.trim() || undefined;
}
