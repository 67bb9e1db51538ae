import type { Calendar } from 'cyrus-core/calendar';
import type { Clock } from 'cyrus-core/clock';
import type { Sandbox } from 'cyrus-core/ports/sandbox';
import type { Log } from 'cyrus-store/log';
import type { Database } from 'cyrus-store/pool';
import { type HostRow, registerHost } from 'cyrus-store/queries/host-register';
import { loseJobs } from 'cyrus-store/queries/job-lose';
import { claimHost, type HostClaim } from './host-claim.ts';
import { importSpools } from './import-spools.ts';

export interface BootOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly host: HostRow;
  readonly log: Log;
  readonly sandbox: Pick<Sandbox, 'killLeftovers'>;
  readonly runPrefix: string;
  readonly spoolDirectory: string;
  /** Of the budgets; absent: this machine's. */
  readonly calendar?: Calendar;
}

/**
 * Makes this process the one that runs jobs on its host, and settles what the one before it left. In this order: nothing of
 * it runs any more, what it saw is stored, and only then do the entities hear that their jobs are lost.
 * @throws HostTaken
 */
export async function bootHost(options: BootOptions): Promise<HostClaim> {
  const { db, host, log } = options;
  const claim = await claimHost(options);
  try {
    const killed = await options.sandbox.killLeftovers(options.runPrefix);
    if (killed > 0) log.warn({ killed }, 'processes that an earlier start left were ended');
    await db.tx((tx) => registerHost(tx, host));
    const events = await importSpools({
      db,
      directory: options.spoolDirectory,
      log,
      ...(options.calendar ? { calendar: options.calendar } : {}),
    });
    const lost = await db.tx((tx) => loseJobs(tx, host.bootId));
    if (lost.length > 0 || events > 0) log.info({ lost: lost.length, events }, 'took over from an earlier start');
    return claim;
  } catch (error) {
    await claim.release();
    throw error;
  }
}
