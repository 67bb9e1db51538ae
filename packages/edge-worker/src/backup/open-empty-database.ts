import type { Clock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import type { ConnectionConfig } from 'cyrus-store/connection';
import type { Log } from 'cyrus-store/log';
import { startEmbedded } from 'cyrus-store/server/embedded';
import { connectExternal } from 'cyrus-store/server/external';

/** Opens the database of a home as it is, without bringing it to this version: the configured one, else the embedded server. @throws ServerError */
export async function openEmptyDatabase(options: {
  readonly home: string;
  readonly config: Pick<Config, 'database'>;
  readonly clock: Clock;
  readonly log: Log;
}): Promise<{ readonly connection: ConnectionConfig; close(): Promise<void> }> {
  const url = options.config.database?.url;
  if (url !== undefined) return { connection: await connectExternal({ url, clock: options.clock }), close: async () => undefined };
  const server = await startEmbedded(options);
  return { connection: server.connection, close: () => server.stop() };
}
