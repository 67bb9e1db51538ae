import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock, Instant } from 'cyrus-core/clock';
import { FailureError } from 'cyrus-core/failure';
import type { Mirror } from './mirror.ts';
import { componentOf, isRefName, objectIdPattern } from './names.ts';
import { removeTree } from './remove-tree.ts';
import { conePatterns } from './sparse.ts';

/** Who commits: the agent in its checkout, and the product in merges and saved work. */
export interface GitIdentity {
  readonly name: string;
  readonly email: string;
}

/** One working copy with a repository of its own, which borrows the mirror's objects. Used for one task, then deleted. */
export interface Checkout {
  readonly name: string;
  readonly repositoryId: string;
  /** Where the agent works. The only path of the checkout a sandbox is given. */
  readonly directory: string;
  /** What a sandbox needs to show read only for git to work in `directory`. */
  readonly readable: readonly string[];
  readonly branch: string;
  readonly baseSha: string;
  /** `verify` holds nothing worth saving. */
  readonly purpose: 'work' | 'verify';
  /** Its large files are there in whole, by git-lfs. */
  readonly lfs?: boolean;
  readonly createdAt: Instant;
  /** The directories it is limited to; absent: it holds everything. */
  readonly sparse?: readonly string[];
}

export interface CreateRequest {
  readonly mirror: Mirror;
  /** Unique among the checkouts that live; an attempt's id. */
  readonly name: string;
  readonly sha: string;
  /** The branch that is checked out in it, at `sha`. */
  readonly branch: string;
  readonly purpose?: 'work' | 'verify';
  /** Directories it is to be limited to; files beside and above them come too. */
  readonly sparse?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Lets everything else on the machine go first. */
  readonly background?: boolean;
}

const recordFile = 'checkout.json';
const checkoutTimeoutMs = 15 * 60_000;

/**
 * A new checkout of `sha`: `git init`, an alternates file, a checkout; nothing is linked, so nothing an agent writes reaches the mirror.
 * The repository's filters and hooks do not run: what would define them is not read.
 * @throws FailureError `invalid_request` when the mirror does not have `sha` or the name is taken; `setup_failed`, `timeout`
 */
export async function createCheckout(directory: string, identity: GitIdentity, clock: Clock, request: CreateRequest): Promise<Checkout> {
  const { mirror, sha, branch, purpose = 'work', sparse } = request;
  if (!isRefName(branch) || !objectIdPattern.test(sha)) throw invalid(`${branch} at ${sha} is no branch at a commit.`);
  const commit = await mirror.resolve(sha);
  if (commit === undefined) throw invalid(`Commit ${sha} is not in the repository.`);
  const place = join(directory, componentOf(request.name));
  const draft = join(directory, `.new-${componentOf(request.name)}`);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  if ((await readCheckout(place)) !== undefined) throw invalid(`There is a checkout ${request.name} already.`);
  await removeTree(place);
  await removeTree(draft);
  const inner = componentOf(mirror.id);
  try {
    await mkdir(draft, { mode: 0o700 });
    await fill(mirror, join(draft, inner), identity, { ...request, sha: commit });
    const checkout: Checkout = {
      name: request.name,
      repositoryId: mirror.id,
      directory: join(place, inner),
      readable: [mirror.objectsDirectory],
      branch,
      baseSha: commit,
      purpose,
      createdAt: clock.now(),
      ...(sparse && sparse.length > 0 ? { sparse } : {}),
    };
    await writeRecord(draft, checkout);
    // Renamed when whole: what stands under its own name is complete.
    await rename(draft, place);
    return checkout;
  } catch (error) {
    await removeTree(draft);
    throw error;
  }
}

async function fill(mirror: Mirror, tree: string, identity: GitIdentity, request: CreateRequest): Promise<void> {
  const { git } = mirror;
  const { sha, signal, background, sparse = [] } = request;
  const format = sha.length === 64 ? 'sha256' : 'sha1';
  await git.run({
    did: 'make the checkout',
    cwd: '/',
    args: ['init', '--quiet', '--template=', `--object-format=${format}`, tree],
    signal,
  });
  await mkdir(join(tree, '.git/objects/info'), { recursive: true });
  await mkdir(join(tree, '.git/info'), { recursive: true });
  await writeFile(join(tree, '.git/objects/info/alternates'), `${mirror.objectsDirectory}\n`);
  const config = await readFile(join(tree, '.git/config'), 'utf8');
  const user = `[user]\n\tname = ${quoted(identity.name)}\n\temail = ${quoted(identity.email)}\n`;
  const cone = sparse.length === 0 ? '' : '[core]\n\tsparseCheckout = true\n\tsparseCheckoutCone = true\n';
  await writeFile(join(tree, '.git/config'), `${config}${user}[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n${cone}`);
  if (sparse.length > 0) await writeFile(join(tree, '.git/info/sparse-checkout'), conePatterns(sparse));
  await git.run({
    did: `check out ${sha}`,
    cwd: tree,
    timeoutMs: checkoutTimeoutMs,
    config: { 'checkout.workers': background ? '1' : '0' },
    args: ['checkout', '--quiet', '--force', '--no-track', '-B', request.branch, sha, '--'],
    signal,
    background,
  });
}

/** Says of a directory that it is a whole checkout. */
export function writeRecord(place: string, checkout: Checkout): Promise<void> {
  return writeFile(join(place, recordFile), JSON.stringify(checkout));
}

/** Every whole checkout, the oldest first. */
export async function listCheckouts(directory: string): Promise<Checkout[]> {
  const names = await readdir(directory).catch(() => []);
  const found = await Promise.all(names.filter((name) => !name.startsWith('.')).map((name) => readCheckout(join(directory, name))));
  return found.filter((checkout) => checkout !== undefined).sort((a, b) => a.createdAt - b.createdAt);
}

export function findCheckout(directory: string, name: string): Promise<Checkout | undefined> {
  return readCheckout(join(directory, componentOf(name)));
}

/** Changes what is known of a checkout; as a whole or not at all. */
export async function rewriteCheckout(checkout: Checkout): Promise<Checkout> {
  const place = dirname(checkout.directory);
  await writeFile(join(place, `${recordFile}.new`), JSON.stringify(checkout));
  await rename(join(place, `${recordFile}.new`), join(place, recordFile));
  return checkout;
}

/** Deletes a checkout whose work is saved. It is gone from the list at once; deleting the files may take longer. */
export async function deleteCheckout(directory: string, name: string): Promise<void> {
  const place = join(directory, componentOf(name));
  const trash = join(directory, `.trash-${componentOf(name)}`);
  await removeTree(trash);
  await rename(place, trash).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await removeTree(trash);
}

/** Removes what an earlier service left half made or half deleted. */
export async function sweepCheckouts(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  for (const name of names) {
    if (name.startsWith('.new-') || name.startsWith('.trash-')) await removeTree(join(directory, name));
    else for (const inner of await readdir(join(directory, name)).catch(() => [])) await removeScratch(join(directory, name), inner);
  }
}

async function removeScratch(place: string, inner: string): Promise<void> {
  if (inner.startsWith('.collect-')) await rm(join(place, inner), { recursive: true, force: true });
}

async function readCheckout(place: string): Promise<Checkout | undefined> {
  const text = await readFile(join(place, recordFile), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as Checkout);
}

/** A value of git's configuration file. */
function quoted(value: string): string {
  return `"${value.replace(/[\n\r\0]/g, ' ').replace(/["\\]/g, '\\$&')}"`;
}

const invalid = (message: string): FailureError => new FailureError({ class: 'invalid_request', message });
