import { createHash } from 'node:crypto';
import type { RemoteStart } from './plan.ts';

/** More than this many are not kept: it would take too much room beside each attempt. */
const mostKept = 10_000;
const width = 6;
const short = (name: string): string => createHash('sha256').update(name).digest('base64url').slice(0, width);

/**
 * Which branches a remote has, six characters each; undefined: too many. Two names may look the same: a name that is not found was
 * certainly not there.
 */
export function keepBranches(names: readonly string[]): string | undefined {
  return names.length > mostKept ? undefined : names.map(short).join('');
}

/** Whether a run elsewhere made this branch: it was told to, or nobody had made it before. In doubt it did not. */
export function madeByRun({ pushBranch, branchesBefore }: Pick<RemoteStart, 'pushBranch' | 'branchesBefore'>, branch: string): boolean {
  if (branch === pushBranch) return true;
  if (branchesBefore === undefined) return false;
  const wanted = short(branch);
  for (let at = 0; at < branchesBefore.length; at += width) if (branchesBefore.startsWith(wanted, at)) return false;
  return true;
}
