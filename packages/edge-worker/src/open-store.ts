import type { Clock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import type { Log } from 'cyrus-store/log';
import { migrate } from 'cyrus-store/migrate';
import { type Database, openDatabase } from 'cyrus-store/pool';
import { startEmbedded } from 'cyrus-store/server/embedded';
import { connectExternal } from 'cyrus-store/server/external';

export interface Store {
  readonly db: Database;
  /** `embedded` or `DATABASE_URL`, with the server's version: for a person. */
  readonly description: string;
  close(): Promise<void>;
}

export interface OpenStoreOptions {
  readonly home: string;
  readonly config: Pick<Config, 'database'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly applicationName: string;
  readonly maxConnections?: number;
}

/**
 * Opens the database of a home: the configured one, else the embedded server, started or adopted. Migrated to this version.
 * @throws ServerError, MigrationError: messages for a person
 */
export async function openStore(options: OpenStoreOptions): Promise<Store> {
  const { clock, log } = options;
  const url = options.config.database?.url;
  const server = url === undefined ? await startEmbedded({ home: options.home, clock, log }) : undefined;
  try {
    const connection = server?.connection ?? (await connectExternal({ url: url ?? '', clock }));
    await migrate(connection);
    const db = openDatabase({
      connection,
      clock,
      log,
      applicationName: options.applicationName,
      ...(options.maxConnections === undefined ? {} : { maxConnections: options.maxConnections }),
    });
    return {
      db,
      description: server ? `embedded PostgreSQL ${server.version}` : 'PostgreSQL of DATABASE_URL',
      async close() {
        await db.close();
        await server?.stop();
      },
    };
  } catch (error) {
    await server?.stop();
    throw error;
  }
}
