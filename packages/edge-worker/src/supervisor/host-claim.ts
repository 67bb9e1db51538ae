import type { Clock } from 'cyrus-core/clock';
import { type HeldLock, holdLock } from 'cyrus-store/advisory';
import type { Log } from 'cyrus-store/log';
import { type Database, isConnectionError } from 'cyrus-store/pool';
import { findLatestHost, type HostSeen } from 'cyrus-store/queries/host-find';

/** One process at a time runs host jobs of a database. */
const lockName = 'host';
/** A process that was just killed lets go of the lock within milliseconds. */
const patienceMs = 2_000;

/** Another service runs host jobs on this database. */
export class HostTaken extends Error {
  readonly holder: HostSeen | undefined;
  /** @param description who has it, as the database knows it */
  constructor(description: string, holder: HostSeen | undefined) {
    const since = holder ? `, started ${new Date(holder.startedAt).toISOString()}` : '';
    super(`Cyrus is already running here: ${description}${since}.`);
    this.name = 'HostTaken';
    this.holder = holder;
  }
}

/** The right to run host jobs. It stands on a connection, so it has to be had again after the database was away. */
export interface HostClaim {
  /** `away`: the database cannot be asked; nobody can have taken over through it either. */
  renew(): Promise<'held' | 'taken' | 'away'>;
  release(): Promise<void>;
}

/** @throws HostTaken; ConnectionLost */
export async function claimHost({
  db,
  clock,
  log,
}: {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
}): Promise<HostClaim> {
  const deadline = clock.now() + patienceMs;
  let lock: HeldLock | undefined;
  while (!lock) {
    const outcome = await holdLock(db, lockName, { clock, log });
    if (outcome.held) lock = outcome.lock;
    else if (clock.now() > deadline) throw new HostTaken(outcome.holder.description, await findLatestHost(db));
    else await clock.sleep(50);
  }
  let held: HeldLock = lock;
  return {
    async renew() {
      if (held.held()) return 'held';
      try {
        const outcome = await holdLock(db, lockName, { clock, log });
        if (!outcome.held) return 'taken';
        held = outcome.lock;
        return 'held';
      } catch (error) {
        if (!isConnectionError(error)) throw error;
        log.debug({ error: String(error) }, 'the claim on this host waits for the database');
        return 'away';
      }
    },
    release: () => held.release(),
  };
}
