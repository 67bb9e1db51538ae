import type { Database } from 'cyrus-store/pool';
import { recordWaiting } from 'cyrus-store/queries/job-waiting';
import type { SayWaiting } from './fetch-source.ts';

/** Puts what a job waits for into the record of its task. What cannot be stored now is not worth waiting for. */
export function sayWaiting(db: Database): SayWaiting {
  return async (job, { bootId, log }, waiting) => {
    await db
      .tx((tx) => recordWaiting(tx, { ...job, bootId }, waiting))
      .catch((error) => log.debug({ jobId: job.id, error: String(error) }, 'what a job waits for was not recorded'));
  };
}
