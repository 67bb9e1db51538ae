import type { Checkout } from 'cyrus-checkouts/checkout';
import type { Checkouts } from 'cyrus-checkouts/checkouts';
import { submoduleEntries } from 'cyrus-checkouts/gitlinks';
import type { Included } from 'cyrus-checkouts/include';
import type { Mirror } from 'cyrus-checkouts/mirror';
import type { LargeFiles } from './large-files.ts';
import type { Ports } from './ports.ts';
import type { Repositories } from './repositories.ts';
import { readWorkplace, type Workplace, writeWorkplace } from './workplace.ts';

export interface EquipOptions {
  readonly checkouts: Checkouts;
  readonly repositories: Repositories;
  readonly ports: Ports;
}

export interface EquipRequest {
  readonly repositoryId: string;
  readonly mirror: Mirror;
  /** New: nobody has worked in it. */
  readonly checkout: Checkout;
  /** Where the repository's own settings are read. */
  readonly baseSha: string;
  readonly taskId: string;
  readonly issue: string | null;
  readonly branch: string;
  readonly largeFiles: LargeFiles;
  readonly signal: AbortSignal;
}

export interface Equipped {
  readonly checkout: Checkout;
  readonly workplace: Workplace;
}

/**
 * Makes a new checkout fit to work in: its submodules, the files of the user it gets, its ports. The record is written last: a checkout
 * without one is not ready.
 * @throws FailureError that says what cannot be had and how to go on without it
 */
export async function equip(options: EquipOptions, request: EquipRequest): Promise<Equipped> {
  const { repositoryId, mirror, baseSha, taskId, issue, branch, signal } = request;
  const config = options.repositories.config(repositoryId);
  const remarks: string[] = request.largeFiles.remark === undefined ? [] : [request.largeFiles.remark];
  let checkout = request.checkout;
  const { files } = request.largeFiles;
  if (files !== undefined) checkout = await options.checkouts.addLargeFiles({ mirror, checkout, files, signal });
  if (config?.submodules === false) {
    const left = (await submoduleEntries(mirror, baseSha)).map(({ path }) => path);
    if (left.length > 0)
      remarks.push(`Submodules are not checked out, as repositories[].submodules says: ${left.slice(0, 10).join(', ')}.`);
  } else {
    const added = await options.checkouts.addSubmodules({ mirror, checkout, baseSha, signal });
    checkout = added.checkout;
    const { withPointers } = added;
    if (withPointers.length > 0) remarks.push(`Large files of Git LFS in submodules are pointer files here: ${withPointers.join(', ')}.`);
  }
  const source = config?.repositoryPath;
  const copied: Included =
    source === undefined ? { files: [], skipped: [] } : await options.checkouts.include({ mirror, baseSha, source, checkout, signal });
  if (copied.skipped.length > 0) {
    const shown = copied.skipped.slice(0, 5).map(({ path, reason }) => `${path} (${reason})`);
    const more = copied.skipped.length - shown.length;
    remarks.push(`Files that .worktreeinclude names were not copied: ${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}.`);
  }
  const workplace = await options.ports.reserve(checkout.name, async (port) => {
    const made = { taskId, issue, branch, baseSha, port, copied, remarks, setUp: false, tornDown: false };
    await writeWorkplace(checkout, made);
    return made;
  });
  return { checkout, workplace };
}

/** The ports every live checkout has. */
export async function portsInUse(checkouts: Pick<Checkouts, 'list'>): Promise<readonly number[]> {
  const workplaces = await Promise.all((await checkouts.list()).map((checkout) => readWorkplace(checkout)));
  return workplaces.flatMap((workplace) => (workplace === undefined ? [] : [workplace.port]));
}

/** A checkout that is gone on with keeps its ports, unless another program has taken them meanwhile. */
export async function keepPorts(options: EquipOptions, checkout: Checkout, workplace: Workplace): Promise<Workplace> {
  if (await options.ports.isFree(workplace.port)) return workplace;
  return options.ports.reserve(checkout.name, async (port) => {
    const moved = { ...workplace, port };
    await writeWorkplace(checkout, moved);
    return moved;
  });
}
