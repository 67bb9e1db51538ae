import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FailureError } from 'cyrus-core/failure';
import type { Git } from './git.ts';
import { createLock, type Lock, singleFlight } from './lock.ts';
import { isRefName, objectIdPattern } from './names.ts';
import { type Remote, type RepositorySource, remoteOf } from './remote.ts';
import { salvage, setAsideMirror } from './salvage.ts';

export interface Fetched {
  /** What the remote's HEAD names; without one, `main`, `master` or the first branch. */
  readonly defaultBranch: string;
}

/** The private bare copy of one repository. Everything the product knows of the repository's history it reads here. */
export interface Mirror {
  readonly id: string;
  readonly directory: string;
  /** What checkouts borrow from, read only. */
  readonly objectsDirectory: string;
  readonly remote: Remote;
  readonly git: Git;
  readonly lock: Lock;
  /**
   * Brings `refs/remotes/origin/*` up to the remote. Calls that come while one runs share its answer.
   * @throws FailureError `auth`, `network`, `timeout`; `invalid_request` when the repository has no commits
   */
  fetch(): Promise<Fetched>;
  /** As of the last fetch. */
  defaultBranch(): Promise<string | undefined>;
  /** The commit of a branch of the remote, of a full ref name, or of a full object id; undefined when there is none. */
  resolve(name: string): Promise<string | undefined>;
}

const fetchTimeoutMs = 15 * 60_000;
const branchFile = 'cyrus-default-branch';

/** Opens the mirror in `directory`; makes it when absent, rebuilds it when it is broken. No network. `shared`: the lock of an earlier opening. */
export async function openMirror(git: Git, directory: string, source: RepositorySource, shared?: Lock): Promise<Mirror> {
  const remote = await findRemote(git, source);
  // The mirror has been opened before, for another token or address: it is in use, and keeps its lock.
  if (shared === undefined) await prepare(git, directory);
  const lock = shared ?? createLock();
  const mirror: Mirror = {
    id: source.id,
    directory,
    objectsDirectory: join(directory, 'objects'),
    remote,
    git,
    lock,
    fetch: singleFlight(async () => {
      try {
        return await lock.inTurn(() => fetchOnce(git, directory, remote));
      } catch (error) {
        if (!(await lock.shared(() => isBroken(git, directory)))) throw error;
        await lock.exclusive(() => rebuild(git, directory));
        return await lock.inTurn(() => fetchOnce(git, directory, remote));
      }
    }),
    defaultBranch: () => readFile(join(directory, branchFile), 'utf8').catch(() => undefined),
    resolve: (name) => resolveCommit(git, directory, name),
  };
  return mirror;
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
  await mkdir(join(directory, '..'), { recursive: true, mode: 0o700 });
  await rm(`${directory}.new`, { recursive: true, force: true });
  if ((await stat(directory).catch(() => undefined)) === undefined) await initialise(git, directory);
  else {
    await removeStale(directory);
    if (await isBroken(git, directory)) await rebuild(git, directory);
  }
  await salvage(git, directory);
}

/** Made aside and renamed: a mirror is there whole or not at all. */
async function initialise(git: Git, directory: string): Promise<void> {
  const draft = `${directory}.new`;
  await git.run({ did: 'make the mirror', args: ['init', '--quiet', '--bare', '--template=', draft], cwd: '/' });
  await writeFile(
    join(draft, 'config'),
    '[core]\n\trepositoryformatversion = 0\n\tbare = true\n[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n',
  );
  await rename(draft, directory);
}

async function rebuild(git: Git, directory: string): Promise<void> {
  await setAsideMirror(directory);
  await initialise(git, directory);
  await salvage(git, directory);
}

/** What a git that was killed leaves behind. Called before any git of this process works in the mirror. */
async function removeStale(directory: string): Promise<void> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const stale = entries.filter((entry) => entry.isFile() && (entry.name.endsWith('.lock') || /^(?:\.?tmp-|tmp_)/.test(entry.name)));
  await Promise.all(stale.map((entry) => rm(join(entry.parentPath, entry.name), { force: true })));
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

async function fetchOnce(git: Git, directory: string, remote: Remote): Promise<Fetched> {
  const common = {
    gitDir: directory,
    credentials: remote.credentials,
    config: remote.kind === 'local' ? { 'protocol.file.allow': 'always' } : {},
  };
  const [head] = await Promise.all([
    git.run({ ...common, did: 'ask for the default branch', args: ['ls-remote', '--symref', '--', remote.url, 'HEAD'] }),
    git.run({
      ...common,
      did: `fetch ${remote.url}`,
      timeoutMs: fetchTimeoutMs,
      args: [
        ...['fetch', '--quiet', '--prune', '--no-tags', '--no-write-fetch-head', '--no-auto-maintenance', '--no-recurse-submodules'],
        ...['--refmap=', '--', remote.url, '+refs/heads/*:refs/remotes/origin/*'],
      ],
    }),
  ]);
  const branches = await remoteBranches(git, directory);
  const named = /^ref: refs\/heads\/(.+)\tHEAD$/m.exec(head.stdout)?.[1];
  const defaultBranch = [named, 'main', 'master', branches[0]].find((name) => name !== undefined && branches.includes(name));
  if (defaultBranch === undefined) {
    throw new FailureError({ class: 'invalid_request', message: `${remote.url} has no commits.`, fix: 'Push a first commit to it.' });
  }
  await writeFile(join(directory, branchFile), defaultBranch);
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
