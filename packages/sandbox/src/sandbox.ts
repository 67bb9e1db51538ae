import type { Clock } from 'cyrus-core/clock';
import { FailureError } from 'cyrus-core/failure';
import type { Isolation, Sandbox } from 'cyrus-core/ports/sandbox';
import { createBubblewrap } from './bubblewrap.ts';
import { createPlain } from './plain.ts';

export interface SandboxOptions {
  readonly isolation: Isolation;
  /** A real clock: it waits for real processes. */
  readonly clock: Clock;
  /** As `detectIsolation` found it. */
  readonly bwrapPath?: string;
  readonly nsenterPath?: string;
  readonly canDisableUserns?: boolean;
}

/**
 * The sandbox of this host: `createSandbox({ ...(await detectIsolation()), clock })`.
 * @throws FailureError `missing_binary` for an isolation this build cannot make
 */
export function createSandbox({ isolation, clock, ...found }: SandboxOptions): Sandbox {
  const { bwrapPath = '/usr/bin/bwrap', nsenterPath = '/usr/bin/nsenter', canDisableUserns = false } = found;
  if (isolation === 'bwrap') return createBubblewrap({ clock, bwrapPath, nsenterPath, canDisableUserns });
  if (isolation === 'none') return createPlain({ clock });
  throw new FailureError({
    class: 'missing_binary',
    message: `Isolation "${isolation}" is not available.`,
    fix: 'Use a Linux host with bubblewrap, or set allowUnsandboxed to run agents without isolation.',
  });
}
