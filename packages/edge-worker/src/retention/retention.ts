import { join } from 'node:path';
import type { Clock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import { holdLock } from 'cyrus-store/advisory';
import type { Log } from 'cyrus-store/log';
import { type Database, isConnectionError } from 'cyrus-store/pool';
import { retire } from './retire.ts';
import { boundLog, removeStaleFiles } from './stale-files.ts';

export interface RetentionOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly config: () => Config;
  readonly home: string;
  /** How long after the start, and how often from then on. */
  readonly firstMs?: number;
  readonly everyMs?: number;
}

/** The loop that forgets what has been over for long. */
export interface Retention {
  close(): Promise<void>;
}

const dayMs = 24 * 3_600_000;
const megabyte = 1024 * 1024;

export function startRetention(options: RetentionOptions): Retention {
  const { db, clock, log, config, firstMs = 60_000, everyMs = 3_600_000 } = options;
  const stopped = new AbortController();

  async function forget(): Promise<void> {
    const outcome = await holdLock(db, 'retention', { clock, log });
    if (!outcome.held) return;
    try {
      const began = clock.now();
      // While the service runs nobody else does it.
      await boundLog(join(options.home, 'logs', 'postgres.log'), config().logFiles.maxMb * megabyte);
      const { retention } = config();
      const rows = await retire({ db, clock, retention, signal: stopped.signal });
      // What attempts left that no database knows; those it knows are stored and gone.
      const spools = await removeStaleFiles(join(options.home, 'logs', 'attempts'), clock.now() - retention.eventsDays * dayMs);
      if (Object.keys(rows).length > 0 || spools.files > 0)
        log.info({ rows, spools, ms: clock.now() - began }, 'forgot what has been over for long');
    } finally {
      await outcome.lock.release();
    }
  }

  async function run(): Promise<void> {
    await clock.sleep(firstMs, stopped.signal);
    while (!stopped.signal.aborted) {
      await forget().catch((error) => {
        if (!isConnectionError(error)) log.warn({ error: String(error) }, 'what is over could not be forgotten; it is tried again');
      });
      await clock.sleep(everyMs, stopped.signal);
    }
  }

  const running = run();
  return {
    async close() {
      stopped.abort();
      await running;
    },
  };
}
