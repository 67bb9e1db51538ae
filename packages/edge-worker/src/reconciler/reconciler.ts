import type { Clock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import type { Failure } from 'cyrus-core/failure';
import type { LinearClient } from 'cyrus-linear/client';
import { holdLock } from 'cyrus-store/advisory';
import type { Log } from 'cyrus-store/log';
import { type Database, isConnectionError } from 'cyrus-store/pool';
import type { Ingest } from '../ingest/ingest.ts';
import { createBell } from '../supervisor/bell.ts';
import { workspaceClients } from './linear-clients.ts';
import { lookAtLinear } from './look-linear.ts';

export interface ReconcilerOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly config: () => Config;
  readonly ingest: Pick<Ingest, 'found'>;
  /** The client of a workspace; it keeps to the limits that all callers share. */
  readonly find: (workspace: string | undefined) => Promise<LinearClient | undefined>;
  /** Asks the code host what became of open pull requests; resolves with what failed. Absent: nobody asks. */
  readonly pullRequests?: (signal: AbortSignal) => Promise<readonly Failure[]>;
}

/** The loop that asks the tracker and the code host what no webhook told of: at once, and then every `reconcile.everyMs`. */
export interface Reconciler {
  /** Looks now: the service could not take webhooks for a while. */
  wake(): void;
  /** What kept the last look from being whole; null: nothing. */
  trouble(): string | null;
  close(): Promise<void>;
}

const dayMs = 24 * 3_600_000;
/** While a look fails the next comes sooner than a whole period, if that is long. */
const afterFailureMs = 30_000;
/** How often a reconciler that is switched off looks whether it still is. */
const offMs = 60_000;

export function startReconciler(options: ReconcilerOptions): Reconciler {
  const { db, clock, log, config, ingest } = options;
  const stopped = new AbortController();
  const bell = createBell(clock);
  let trouble: string | null = null;

  /** Resolves with when to look again if that is not a period from now. */
  async function look(): Promise<number | null> {
    const outcome = await holdLock(db, 'reconciler', { clock, log });
    // Another process looks: what it finds is taken in all the same.
    if (!outcome.held) return null;
    try {
      const rememberMs = (config().retention.arrivalsDays - 1) * dayMs;
      const failures: Failure[] = [];
      for (const { workspace, client } of await workspaceClients(config(), db, options.find)) {
        if (stopped.signal.aborted) return null;
        const { everyMs } = config().reconcile;
        const looked = await lookAtLinear({ db, log, ingest, workspace, client, rememberMs, everyMs, signal: stopped.signal });
        if (!looked.ok) failures.push(looked.error);
      }
      const besides = (await options.pullRequests?.(stopped.signal)) ?? [];
      const told = [...failures, ...besides].map(({ message }) => message).join(' · ') || null;
      if (told !== null && told !== trouble && !stopped.signal.aborted)
        log.warn({ reason: told }, 'what webhooks did not tell cannot be asked for; it is tried again');
      trouble = told;
      // The code host has no say in when the tracker is asked again: a limit of its would keep lost webhooks waiting for an hour.
      if (failures.length === 0) return null;
      const retryAt = Math.max(0, ...failures.map((failure) => failure.retryAt ?? 0));
      return Math.max(Math.min(config().reconcile.everyMs, afterFailureMs), retryAt - clock.now());
    } finally {
      await outcome.lock.release();
    }
  }

  async function run(): Promise<void> {
    while (!stopped.signal.aborted) {
      const { everyMs } = config().reconcile;
      let waitMs = everyMs > 0 ? everyMs : offMs;
      if (everyMs > 0) {
        try {
          waitMs = (await look()) ?? waitMs;
        } catch (error) {
          // The database is away, or full: as soon as it can be asked again there may be something that was refused meanwhile.
          if (!isConnectionError(error)) log.warn({ error: String(error) }, 'what webhooks did not tell cannot be looked for yet');
          waitMs = Math.min(waitMs, afterFailureMs);
        }
      }
      if (!stopped.signal.aborted) await bell.wait(waitMs);
    }
  }

  const running = run();
  return {
    wake: bell.ring,
    trouble: () => trouble,
    async close() {
      stopped.abort();
      bell.ring();
      await running;
    },
  };
}
