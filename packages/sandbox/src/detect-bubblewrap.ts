import type { Clock } from 'cyrus-core/clock';
import { createBubblewrap } from './bubblewrap.ts';
import { findProgram } from './container-engine.ts';
import { probe } from './probe.ts';

export interface BubblewrapPrograms {
  readonly bwrapPath: string;
  readonly nsenterPath: string;
  readonly canDisableUserns: boolean;
}

/** bubblewrap as it works here; else why it does not, and what to do. */
export async function detectBubblewrap(
  clock: Clock,
  path: string,
): Promise<BubblewrapPrograms | { readonly detail: string; readonly fix: string }> {
  const bwrapPath = findProgram(path, 'bwrap');
  if (bwrapPath === undefined) {
    return {
      detail: 'bubblewrap is not installed.',
      fix: 'Install it: apt-get install bubblewrap (Debian, Ubuntu), dnf install bubblewrap (Fedora).',
    };
  }
  // It is as good as everywhere; where PATH is a short one, too.
  const nsenterPath = findProgram(`${path}:/usr/bin:/bin:/usr/sbin`, 'nsenter');
  if (nsenterPath === undefined)
    return {
      detail: 'nsenter is not installed: the network of agents could not be closed.',
      fix: 'Install util-linux, which nsenter is part of.',
    };
  let complaint = '';
  for (const canDisableUserns of process.getuid?.() === 0 ? [true, false] : [false]) {
    const programs = { bwrapPath, nsenterPath, canDisableUserns };
    const said = await probe(clock, createBubblewrap({ clock, ...programs }));
    if (said === undefined) return programs;
    complaint = said;
  }
  return { detail: `${bwrapPath} does not work here: ${complaint}`, fix: fixFor(complaint) };
}

/** What to do about bubblewrap's own complaint. */
export function fixFor(complaint: string): string {
  if (/proc/i.test(complaint) && /not permitted|denied/i.test(complaint)) {
    return 'This looks like a container that hides /proc: run it with --security-opt systempaths=unconfined --security-opt seccomp=unconfined, or run Cyrus on the host.';
  }
  if (/uid map|namespace|RTM_NEWADDR|not permitted|denied/i.test(complaint)) {
    return 'User namespaces are restricted: allow them for bwrap (Ubuntu 24.04: an AppArmor profile for /usr/bin/bwrap with "userns,", or sysctl kernel.apparmor_restrict_unprivileged_userns=0; Debian: sysctl kernel.unprivileged_userns_clone=1).';
  }
  return 'Update bubblewrap to 0.4 or newer.';
}
