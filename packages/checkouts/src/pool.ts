import { mkdir, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Clock } from 'cyrus-core/clock';
import {
  type Checkout,
  type CreateRequest,
  createCheckout,
  deleteCheckout,
  findCheckout,
  type GitIdentity,
  listCheckouts,
  sweepCheckouts,
  writeRecord,
} from './checkout.ts';
import type { Mirror } from './mirror.ts';
import { componentOf } from './names.ts';
import { removeTree } from './remove-tree.ts';

/*
 * New checkouts that wait ready. Each was made by the host, and no agent has ever been in it; it is given away by rename and never
 * comes back. Under its own name stands only what is whole: one that is worked on is under a name that the next start removes.
 */

/** Where they wait: beside the checkouts, so that a rename is enough to give one away. */
export const poolOf = (directory: string): string => join(directory, '.pool');

export interface WaitingRequest {
  readonly mirror: Mirror;
  readonly sha: string;
  readonly sparse?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Makes one more, behind everything else on the machine. */
export async function addWaiting(directory: string, identity: GitIdentity, clock: Clock, request: WaitingRequest): Promise<Checkout> {
  const pool = poolOf(directory);
  const taken = new Set((await listCheckouts(pool)).map(({ name }) => name));
  let number = 1;
  while (taken.has(`${componentOf(request.mirror.id)}-${number}`)) number++;
  const name = `${componentOf(request.mirror.id)}-${number}`;
  return createCheckout(pool, identity, clock, { ...request, name, branch: waitingBranch, background: true });
}

export const listWaiting = (directory: string): Promise<Checkout[]> => listCheckouts(poolOf(directory));

export const dropWaiting = (directory: string, name: string): Promise<void> => deleteCheckout(poolOf(directory), name);

export const sweepWaiting = (directory: string): Promise<void> => sweepCheckouts(poolOf(directory));

const waitingBranch = 'cyrus-waiting';

/** Brings one that waits to another commit, behind everything else. Undefined: somebody has just taken it. */
export async function forwardWaiting(directory: string, waiting: Checkout, request: WaitingRequest): Promise<Checkout | undefined> {
  const pool = poolOf(directory);
  const [place, draft] = [join(pool, componentOf(waiting.name)), join(pool, `.new-${componentOf(waiting.name)}`)];
  if (!(await moved(place, draft))) return undefined;
  try {
    const tree = join(draft, basename(waiting.directory));
    await update(request.mirror, tree, waiting.baseSha, request.sha, { ...request, background: true });
    await git(request.mirror, tree, ['update-ref', `refs/heads/${waitingBranch}`, request.sha]);
    const checkout = { ...waiting, baseSha: request.sha };
    await writeRecord(draft, checkout);
    await rename(draft, place);
    return checkout;
  } catch (error) {
    await removeTree(draft);
    throw error;
  }
}

/**
 * Makes one that waits the checkout asked for. Undefined when none fits, or the one that was tried is broken (it is deleted then).
 * @throws when `signal` aborts
 */
export async function takeWaiting(directory: string, clock: Clock, request: CreateRequest): Promise<Checkout | undefined> {
  const { mirror, sha, branch, purpose = 'work', sparse = [], signal } = request;
  const place = join(directory, componentOf(request.name));
  if ((await findCheckout(directory, request.name)) !== undefined) return undefined;
  const fitting = (await listWaiting(directory)).filter((waiting) => fits(waiting, mirror, sparse));
  // One that is at the commit already costs nothing more.
  fitting.sort((a, b) => Number(b.baseSha === sha) - Number(a.baseSha === sha));
  for (const waiting of fitting) {
    signal?.throwIfAborted();
    const draft = join(directory, `.new-${componentOf(request.name)}`);
    await removeTree(draft);
    if (!(await moved(join(poolOf(directory), componentOf(waiting.name)), draft))) continue;
    try {
      const inner = basename(waiting.directory);
      const tree = join(draft, inner);
      if (waiting.baseSha !== sha) await update(mirror, tree, waiting.baseSha, sha, { signal });
      await git(mirror, tree, ['update-ref', `refs/heads/${branch}`, sha]);
      await git(mirror, tree, ['symbolic-ref', 'HEAD', `refs/heads/${branch}`]);
      await git(mirror, tree, ['update-ref', '-d', `refs/heads/${waitingBranch}`]);
      const checkout: Checkout = {
        ...waiting,
        name: request.name,
        directory: join(place, inner),
        branch,
        baseSha: sha,
        purpose,
        createdAt: clock.now(),
      };
      await writeRecord(draft, checkout);
      await removeTree(place);
      await rename(draft, place);
      return checkout;
    } catch {
      await removeTree(draft);
      signal?.throwIfAborted();
    }
  }
  return undefined;
}

/** Whether a task of this repository can have it: limited to the same directories, and borrowing from what is borrowed from now. */
function fits(waiting: Checkout, mirror: Mirror, sparse: readonly string[]): boolean {
  return (
    waiting.repositoryId === mirror.id &&
    waiting.readable[0] === mirror.objectsDirectory &&
    JSON.stringify(waiting.sparse ?? []) === JSON.stringify(sparse)
  );
}

/** Those of a repository that nobody can have any more. */
export async function outdated(directory: string, mirror: Mirror, sparse: readonly string[] = []): Promise<Checkout[]> {
  return (await listWaiting(directory)).filter((waiting) => waiting.repositoryId === mirror.id && !fits(waiting, mirror, sparse));
}

async function moved(from: string, to: string): Promise<boolean> {
  await mkdir(dirname(to), { recursive: true, mode: 0o700 });
  return rename(from, to).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
}

/** Writes and deletes the files that differ between two commits, and nothing else: the tree is at `from` exactly. */
async function update(
  mirror: Mirror,
  tree: string,
  from: string,
  to: string,
  how: { readonly signal?: AbortSignal | undefined; readonly background?: boolean },
): Promise<void> {
  await mirror.git.run({
    did: `bring a waiting checkout to ${to}`,
    cwd: tree,
    timeoutMs: 15 * 60_000,
    config: { 'checkout.workers': how.background ? '1' : '0' },
    args: ['read-tree', '-m', '-u', from, to],
    signal: how.signal,
    background: how.background,
  });
}

function git(mirror: Mirror, tree: string, args: readonly string[]): Promise<unknown> {
  return mirror.git.run({ did: 'name the branch of a checkout', cwd: tree, args });
}
