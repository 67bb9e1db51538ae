import type { Mirror } from './mirror.ts';

export type RepackOutcome = { readonly kind: 'repacked' } | { readonly kind: 'in_use'; readonly checkouts: number };

const repackTimeoutMs = 30 * 60_000;

/** One pack instead of many. `-k` keeps what no ref leads to: a checkout may have borrowed it. The caller holds the mirror's lock alone. */
export async function repackMirror(mirror: Mirror, borrowing: number): Promise<RepackOutcome> {
  if (borrowing > 0) return { kind: 'in_use', checkouts: borrowing };
  await mirror.git.run({
    did: 'pack the mirror',
    gitDir: mirror.directory,
    timeoutMs: repackTimeoutMs,
    args: ['repack', '-a', '-d', '-k', '--quiet'],
  });
  return { kind: 'repacked' };
}
