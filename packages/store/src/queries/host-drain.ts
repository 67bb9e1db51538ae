import type { Queryable } from '../pool.ts';

/** Says that this boot takes no new work: the dispatcher gives it none. */
export async function drainHost(tx: Queryable, host: { readonly id: string; readonly bootId: string }): Promise<void> {
  await tx.query('update cyrus.host set draining = true where id = $1 and boot_id = $2', [host.id, host.bootId]);
}
