import type { Limiter } from 'cyrus-core/ports/limiter';
import { everyBucket, type Hold, heldBack, takeFrom } from 'cyrus-core/rate-window';
import type { Database, Tx } from './pool.ts';

/** A limiter that all processes on one database share; times are the database's. While it is away a call waits, and fails with it. */
export function createLimiter(db: Database): Limiter {
  return {
    take: (credential, rate, cost = 1) =>
      db.tx(async (tx) => {
        await makeRow(tx, credential, rate.bucket);
        const { rows } = await tx.query<{ bucket: string; taken: readonly number[]; held: Hold | null }>(
          `select bucket, taken, held from cyrus.rate_window where credential = $1 and bucket in ($2, $3) order by bucket for update`,
          [credential, rate.bucket, everyBucket],
        );
        const own = rows.find((row) => row.bucket === rate.bucket);
        const { waitMs, window } = takeFrom(
          { taken: own?.taken ?? [], held: own?.held ?? null },
          rows.map((row) => row.held),
          rate,
          cost,
          await tx.now(),
        );
        if (waitMs > 0) return waitMs;
        await tx.query('update cyrus.rate_window set taken = $3 where credential = $1 and bucket = $2', [
          credential,
          rate.bucket,
          JSON.stringify(window.taken),
        ]);
        return 0;
      }),
    holdBack: (credential, until, bucket = everyBucket) =>
      db.tx(async (tx) => {
        await makeRow(tx, credential, bucket);
        const { rows } = await tx.query<{ held: Hold | null }>(
          'select held from cyrus.rate_window where credential = $1 and bucket = $2 for update',
          [credential, bucket],
        );
        await tx.query('update cyrus.rate_window set held = $3 where credential = $1 and bucket = $2', [
          credential,
          bucket,
          JSON.stringify(heldBack(rows[0]?.held ?? null, until, await tx.now())),
        ]);
      }),
  };
}

const makeRow = (tx: Tx, credential: string, bucket: string): Promise<unknown> =>
  tx.query('insert into cyrus.rate_window (credential, bucket) values ($1, $2) on conflict do nothing', [credential, bucket]);
