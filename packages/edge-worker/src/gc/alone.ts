import { createCheckouts } from 'cyrus-checkouts/checkouts';
import type { Clock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import type { Sandbox } from 'cyrus-core/ports/sandbox';
import type { Log } from 'cyrus-store/log';
import type { Database } from 'cyrus-store/pool';
import { gitIdentity } from '../executors.ts';
import { createGithubCredentials } from '../github-credentials.ts';
import { createDiskRoom } from '../jobs/disk-room.ts';
import { createRepositories } from '../jobs/repositories.ts';
import { claimHost } from '../supervisor/host-claim.ts';
import { collectGarbage } from './gc.ts';
import type { GcReport } from './report.ts';

export interface GcAloneOptions {
  readonly home: string;
  readonly config: Config;
  readonly db: Database;
  readonly sandbox: Sandbox;
  readonly clock: Clock;
  readonly log: Log;
  readonly dryRun: boolean;
}

/**
 * Gives back space while no service runs, and holds off one that would start meanwhile.
 * @throws HostTaken when one runs
 */
export async function collectAlone(options: GcAloneOptions): Promise<GcReport> {
  const { home, db, clock, log, sandbox, dryRun } = options;
  const claim = await claimHost({ db, clock, log });
  try {
    const config = (): Config => options.config;
    const checkouts = createCheckouts({ root: home, sandbox, clock, gitIdentity });
    const repositories = createRepositories(checkouts, config, createGithubCredentials({ config, clock }));
    const room = createDiskRoom({ home, config, clock });
    const signal = new AbortController().signal;
    return await collectGarbage({ home, checkouts, repositories, config, db, clock, log, room }, { dryRun, signal });
  } finally {
    await claim.release();
  }
}
