import pg from 'pg';
import { connectionSettings, type Database } from '../pool.ts';

/** A lock that ends with its connection, however the process ends. */
export interface HeldLock {
  /** False once the connection is gone: another may have it by now. */
  held(): boolean;
  release(): Promise<void>;
}

/**
 * Takes the database-wide lock `name`, on a connection of its own, if nobody has it; null if somebody has.
 * @throws the connection's error
 */
export async function tryHoldLock(db: Database, name: string): Promise<HeldLock | null> {
  const client = new pg.Client({
    ...connectionSettings({ connection: db.connection, applicationName: `${db.applicationName} ${name}` }),
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
  });
  let held = false;
  client.on('error', () => {
    held = false;
  });
  client.on('end', () => {
    held = false;
  });
  await client.connect();
  try {
    const { rows } = await client.query<{ locked: boolean }>('select pg_try_advisory_lock(hashtextextended($1, 0)) as locked', [name]);
    held = rows[0]?.locked === true;
  } finally {
    if (!held) await client.end().catch(() => undefined);
  }
  if (!held) return null;
  return {
    held: () => held,
    async release() {
      held = false;
      await client.end().catch(() => undefined);
    },
  };
}
