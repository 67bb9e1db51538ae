import { rm } from 'node:fs/promises';
import { type Calendar, createCalendar, machineTimeZone } from 'cyrus-core/calendar';
import type { Log } from 'cyrus-store/log';
import { type Database, isConnectionError } from 'cyrus-store/pool';
import { findAttemptPlace } from 'cyrus-store/queries/event-attempt-place';
import { listSpools, readSpool, spoolPath } from './spool.ts';
import { storeLines } from './store-lines.ts';

const batchSize = 500;

/** Stores what earlier processes left in spool files and removes the files. A file of an unknown attempt stays. */
export async function importSpools(options: {
  readonly db: Database;
  readonly directory: string;
  readonly log: Log;
  /** Of the budgets; absent: this machine's. */
  readonly calendar?: Calendar;
}): Promise<number> {
  const { db, directory, log, calendar = createCalendar(machineTimeZone()) } = options;
  let stored = 0;
  for (const attemptId of await listSpools(directory)) {
    const place = await findAttemptPlace(db, attemptId);
    if (!place) {
      log.warn({ attemptId }, 'a spool file of an attempt that this database does not know is left where it is');
      continue;
    }
    const lines = await readSpool(directory, attemptId);
    try {
      for (let start = 0; start < lines.length; start += batchSize) {
        await db.tx((tx) => storeLines(tx, calendar, place, lines.slice(start, start + batchSize)));
      }
    } catch (error) {
      if (isConnectionError(error)) throw error;
      log.error({ attemptId, error: String(error) }, 'a spool file could not be stored and is left where it is');
      continue;
    }
    await rm(spoolPath(directory, attemptId), { force: true });
    stored += lines.length;
  }
  return stored;
}
