import { createHash } from 'node:crypto';
import { constants, createReadStream, createWriteStream } from 'node:fs';
import { access, copyFile, mkdir, mkdtemp, open, readFile, readlink, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { FailureError } from 'cyrus-core/failure';
import type { Checkout } from './checkout.ts';
import { type LfsPointer, lfsPointers, newPointers } from './lfs.ts';
import type { Mirror } from './mirror.ts';
import { type Remote, remoteOf } from './remote.ts';

/** git's filter for large files, as `git lfs install` writes it. */
export const lfsFilter: Readonly<Record<string, string>> = {
  'filter.lfs.clean': 'git-lfs clean -- %f',
  'filter.lfs.smudge': 'git-lfs smudge -- %f',
  'filter.lfs.process': 'git-lfs filter-process',
  'filter.lfs.required': 'true',
};

const transferTimeoutMs = 60 * 60_000;

/** Whether git finds git-lfs on this search path. */
export async function hasGitLfs(searchPath: string): Promise<boolean> {
  const places = searchPath.split(delimiter).filter((entry) => entry.startsWith('/'));
  const found = await Promise.all(
    places.map((place) =>
      access(join(place, 'git-lfs'), constants.X_OK).then(
        () => true,
        () => false,
      ),
    ),
  );
  return found.includes(true);
}

const placeOf = (storage: string, oid: string): string => join(storage, oid.slice(0, 2), oid.slice(2, 4), oid);
/** One for all generations of a mirror: what is not pushed yet is nowhere else. */
const homeOf = (mirror: Mirror): string => `${mirror.directory.replace(/\.g\d+$/, '')}.lfs`;
const storageOf = (mirror: Mirror): string => join(homeOf(mirror), 'objects');
const isThere = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

/**
 * The repository's own place for large files, said to git-lfs in a way that no file of the repository (.lfsconfig) is stronger than:
 * the token goes nowhere else.
 */
function lfsConfig(mirror: Mirror, remote: Remote): Record<string, string> {
  const config: Record<string, string> = {
    'remote.origin.url': remote.url,
    'lfs.storage': homeOf(mirror),
    'lfs.locksverify': 'false',
    'lfs.concurrenttransfers': '4',
  };
  if (remote.kind === 'ssh') return config;
  const base = remote.url.replace(/\/+$/, '');
  const url = `${base.replace(/\.git$/, '')}.git/info/lfs`;
  return { ...config, 'lfs.url': url, 'lfs.pushurl': url };
}

async function transfer(
  mirror: Mirror,
  remote: Remote,
  { did, signal, args }: { readonly did: string; readonly signal: AbortSignal | undefined; readonly args: readonly string[] },
): Promise<void> {
  const asked = await mkdtemp(join(tmpdir(), 'cyrus-asked-'));
  try {
    await mirror.git.run({
      did,
      gitDir: mirror.directory,
      credentials: remote.credentials,
      config: lfsConfig(mirror, remote),
      env: { CYRUS_ASK_LIMIT: asked },
      timeoutMs: transferTimeoutMs,
      signal,
      args: ['lfs', ...args],
    });
  } finally {
    await rm(asked, { recursive: true, force: true });
  }
}

/**
 * Brings the large files of a commit into the mirror.
 * @throws FailureError `auth`, `network`, `timeout`; `invalid_request` where the remote does not have one of them
 */
export async function fetchLargeFiles(mirror: Mirror, sha: string, files: readonly string[], signal?: AbortSignal): Promise<void> {
  const pointers = await lfsPointers(mirror, sha, files);
  const missing = async (): Promise<LfsPointer[]> => {
    const there = await Promise.all(pointers.map(({ oid }) => isThere(placeOf(storageOf(mirror), oid))));
    return pointers.filter((_, index) => !there[index]);
  };
  if ((await missing()).length === 0) return;
  const { remote } = mirror;
  if (remote.kind === 'local')
    for (const pointer of await missing()) await copyFrom(remote, pointer, placeOf(storageOf(mirror), pointer.oid));
  if ((await missing()).length === 0) return;
  const did = 'fetch the files that are in Git LFS';
  const fetching =
    remote.kind === 'local'
      ? Promise.resolve()
      : transfer(mirror, remote, { did, signal, args: ['fetch', '--include=', '--exclude=', 'origin', sha] });
  const fetched = await fetching.catch((error: unknown) => (error instanceof FailureError ? error : Promise.reject(error)));
  const left = await missing();
  if (left.length === 0) return;
  const why = fetched instanceof FailureError ? fetched.failure : undefined;
  const names = left.slice(0, 5).map(({ path }) => path);
  throw new FailureError({
    class: why?.class === undefined || why.class === 'setup_failed' ? 'invalid_request' : why.class,
    message: `Files in Git LFS cannot be had (${names.join(', ')}${left.length > 5 ? ` and ${left.length - 5} more` : ''})${why ? `: ${why.message}` : '.'}`,
    fix: 'Push them with git lfs push --all, check what the token may read, or set repositories[].lfs to "pointers" to work with the pointer files. Then write here to try again.',
  });
}

/** Where a repository at a path keeps its large files: beside its objects. */
async function localStorage({ url }: Remote): Promise<string> {
  const real = await realpath(url);
  return join((await isThere(join(real, '.git/objects'))) ? join(real, '.git') : real, 'lfs/objects');
}

async function copyFrom(remote: Remote, pointer: LfsPointer, target: string): Promise<void> {
  await keepOne(await localStorage(remote), pointer, target);
}

/** Puts the large files into a new checkout, and makes its git treat them as such. */
export async function fillLargeFiles(mirror: Mirror, checkout: Checkout, files: readonly string[], signal?: AbortSignal): Promise<void> {
  const { directory: tree } = checkout;
  const config = join(tree, '.git/config');
  const before = await readFile(config, 'utf8');
  if (!before.includes('[filter "lfs"]')) {
    const lines = Object.entries(lfsFilter).map(([key, value]) => `\t${key.slice('filter.lfs.'.length)} = ${value}\n`);
    await writeFile(config, `[filter "lfs"]\n${lines.join('')}${before}`);
  }
  for (const { oid } of await lfsPointers(mirror, checkout.baseSha, files)) {
    const target = placeOf(join(tree, '.git/lfs/objects'), oid);
    await mkdir(dirname(target), { recursive: true });
    await copyFile(placeOf(storageOf(mirror), oid), target, constants.COPYFILE_FICLONE);
  }
  // The storage of its own: nothing is asked of the network.
  await mirror.git.run({
    did: 'put the large files in place',
    cwd: tree,
    timeoutMs: transferTimeoutMs,
    signal,
    config: { 'lfs.url': 'http://127.0.0.1:1/', 'lfs.skipdownloaderrors': 'false' },
    args: ['lfs', 'checkout'],
  });
}

/**
 * Brings large files that the work added into the mirror, out of `storages` an agent may have written in. Those not found are given back: of
 * all that the remote does not have, so that what an earlier attempt lost stays lost.
 */
export async function keepLargeFiles(mirror: Mirror, head: string, storages: readonly string[]): Promise<readonly LfsPointer[]> {
  const lost: LfsPointer[] = [];
  for (const pointer of await newPointers(mirror, head)) {
    const target = placeOf(storageOf(mirror), pointer.oid);
    let kept = await isThere(target);
    for (const storage of storages) kept ||= await keepOne(storage, pointer, target);
    if (!kept) lost.push(pointer);
  }
  return lost;
}

/** Copies one, whole or not at all. No link is followed, and the content has to be what its name says. */
async function keepOne(storage: string, { oid, size }: LfsPointer, target: string): Promise<boolean> {
  const source = placeOf(storage, oid);
  const handle = await open(source, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(() => undefined);
  if (handle === undefined) return false;
  const draft = `${target}.${process.pid}.new`;
  try {
    const found = await handle.stat();
    const really = process.platform === 'linux' ? await readlink(`/proc/self/fd/${handle.fd}`) : await realpath(source);
    if (!found.isFile() || found.size !== size || really !== source) return false;
    await mkdir(dirname(target), { recursive: true });
    await pipeline(handle.createReadStream({ autoClose: false }), createWriteStream(draft, { mode: 0o600 }));
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(draft)) hash.update(chunk as Buffer);
    if (hash.digest('hex') !== oid) return false;
    await rename(draft, target);
    return true;
  } finally {
    await handle.close();
    await rm(draft, { force: true });
  }
}

/** Gives the remote the large files of the work that is about to be pushed. Those it has already are not sent again. */
export async function pushLargeFiles(
  mirror: Mirror,
  request: { readonly sha: string; readonly remoteUrl?: string; readonly token?: string; readonly signal?: AbortSignal },
): Promise<void> {
  if (!(await isThere(storageOf(mirror)))) return;
  const pointers = await newPointers(mirror, request.sha);
  const there = await Promise.all(pointers.map(({ oid }) => isThere(placeOf(storageOf(mirror), oid))));
  const oids = [...new Set(pointers.filter((_, index) => there[index]).map(({ oid }) => oid))];
  if (oids.length === 0) return;
  const remote = request.remoteUrl === undefined ? mirror.remote : remoteOf(request.remoteUrl, request.token);
  const { credentials } = request.token === undefined ? remote : remoteOf(remote.url, request.token);
  if (remote.kind === 'local') {
    const storage = await localStorage(remote);
    for (const pointer of pointers)
      if (oids.includes(pointer.oid)) await keepOne(storageOf(mirror), pointer, placeOf(storage, pointer.oid));
    return;
  }
  for (let at = 0; at < oids.length; at += 100) {
    const args = ['push', '--object-id', 'origin', ...oids.slice(at, at + 100)];
    await transfer(
      mirror,
      { ...remote, ...(credentials ? { credentials } : {}) },
      { did: 'push the files that are in Git LFS', signal: request.signal, args },
    ).catch((error: unknown) => {
      if (!(error instanceof FailureError) || error.failure.class !== 'setup_failed') throw error;
      const names = pointers.filter(({ oid }) => args.includes(oid)).map(({ path, size }) => `${path}, ${Math.ceil(size / 1024 ** 2)} MB`);
      throw new FailureError({
        class: 'invalid_request',
        message: `The place for large files does not take them (${names.slice(0, 5).join('; ')}), so the branch was not pushed. ${error.message}`,
        fix: 'Check the size and storage limits of Git LFS at the code host, or have the files made smaller. Then write here to try again.',
      });
    });
  }
}
