import type { Clock } from 'cyrus-core/clock';
import type { Log } from 'cyrus-store/log';
import type { Database } from 'cyrus-store/pool';
import { findLatestHost, type HostSeen } from 'cyrus-store/queries/host-find';
import { type HeldLock, tryHoldLock } from 'cyrus-store/queries/outbound-lock';

/** One process at a time runs host jobs of a database. */
const lockName = 'host';
/** A process that was just killed lets go of the lock within milliseconds. */
const patienceMs = 2_000;

/** Another service runs host jobs on this database. */
export class HostTaken extends Error {
  readonly holder: HostSeen | undefined;
  constructor(holder: HostSeen | undefined) {
    const who = holder
      ? `process ${holder.pid} on host ${holder.id} (started ${new Date(holder.startedAt).toISOString()}, last heard of ${new Date(holder.heartbeatAt).toISOString()})`
      : 'another process';
    super(`Cyrus is already running: ${who} has this database.`);
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

/** @throws HostTaken */
export async function claimHost({
  db,
  clock,
  log,
}: {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
}): Promise<HostClaim> {
  let lock: HeldLock | null = null;
  const deadline = clock.now() + patienceMs;
  for (;;) {
    lock = await tryHoldLock(db, lockName);
    if (lock) break;
    if (clock.now() > deadline) throw new HostTaken(await findLatestHost(db));
    await clock.sleep(50);
  }
  return {
    async renew() {
      if (lock?.held()) return 'held';
      try {
        lock = await tryHoldLock(db, lockName);
        return lock ? 'held' : 'taken';
      } catch (error) {
        log.debug({ error: String(error) }, 'the claim on this host waits for the database');
        return 'away';
      }
    },
    async release() {
      await lock?.release();
    },
  };
}
