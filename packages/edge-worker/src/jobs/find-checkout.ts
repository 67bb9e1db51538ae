import { lstat } from 'node:fs/promises';
import type { Checkout } from 'cyrus-checkouts/checkout';
import type { Checkouts } from 'cyrus-checkouts/checkouts';
import { FailureError } from 'cyrus-core/failure';

/** The checkout an earlier job gave out this directory of. @throws FailureError `sandbox_lost` when it is gone */
export async function checkoutAt(checkouts: Pick<Checkouts, 'list'>, directory: string): Promise<Checkout> {
  const found = (await checkouts.list()).find((checkout) => checkout.directory === directory);
  if (!found) throw new FailureError({ class: 'sandbox_lost', message: `The checkout ${directory} is gone.` });
  return found;
}

/** Whether there is still a directory with a repository of its own, both real and no links. */
export async function hasRepository(checkout: Checkout): Promise<boolean> {
  const entries = await Promise.all([checkout.directory, `${checkout.directory}/.git`].map((path) => lstat(path).catch(() => undefined)));
  return entries.every((entry) => entry?.isDirectory() === true);
}
