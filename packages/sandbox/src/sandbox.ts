import type { Clock } from 'cyrus-core/clock';
import { FailureError } from 'cyrus-core/failure';
import type { Isolation, Sandbox } from 'cyrus-core/ports/sandbox';
import { createBubblewrap } from './bubblewrap.ts';
import { createContainer } from './container.ts';
import type { FoundContainer } from './detect-container.ts';
import { createPlain } from './plain.ts';
import { createSeatbelt } from './seatbelt.ts';

export interface SandboxOptions {
  readonly isolation: Isolation;
  /** A real clock: it waits for real processes. */
  readonly clock: Clock;
  /** As `detectIsolation` found it. */
  readonly bwrapPath?: string;
  readonly nsenterPath?: string;
  readonly canDisableUserns?: boolean;
  readonly sandboxExecPath?: string;
  readonly container?: FoundContainer;
}

/**
 * The sandbox of this host: `createSandbox({ ...(await detectIsolation()), clock })`.
 * @throws FailureError `missing_binary` for a container where none was found
 */
export function createSandbox({ isolation, clock, ...found }: SandboxOptions): Sandbox {
  const { bwrapPath = '/usr/bin/bwrap', nsenterPath = '/usr/bin/nsenter', canDisableUserns = false } = found;
  if (isolation === 'bwrap') return createBubblewrap({ clock, bwrapPath, nsenterPath, canDisableUserns });
  if (isolation === 'seatbelt') return createSeatbelt({ clock, sandboxExecPath: found.sandboxExecPath ?? '/usr/bin/sandbox-exec' });
  if (isolation === 'none') return createPlain({ clock });
  if (found.container) return createContainer({ clock, ...found.container });
  throw new FailureError({
    class: 'missing_binary',
    message: 'No container engine works here.',
    fix: 'Install Podman or Docker, use a Linux host with bubblewrap, or set allowUnsandboxed to run agents without isolation.',
  });
}
