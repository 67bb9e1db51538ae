import { type Clock, systemClock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import { createLog } from 'cyrus-edge-worker/log';
import { openStore, type Store } from 'cyrus-edge-worker/open-store';
import { secretsOf } from 'cyrus-edge-worker/secrets';
import { type Service, startService } from 'cyrus-edge-worker/service';
import { createRedact } from 'cyrus-edge-worker/supervisor/redact';
import type { IsolationReport } from 'cyrus-sandbox/detect';
import { ensureHome, type Home } from './home.ts';
import { openSandbox } from './isolation.ts';
import { version } from './version.ts';

export interface Serving {
  readonly service: Service;
  readonly store: Store;
  readonly isolation: IsolationReport;
  /** Ends the service, after `drainMs` for its agents, and then the database. */
  end(drainMs: number): Promise<void>;
}

/** Starts the service of a home in this process: sandbox, database, loops. */
export async function serve(
  home: Home,
  config: Config,
  options: { readonly http: boolean; readonly onTakenOver: () => void; readonly clock?: Clock },
): Promise<Serving> {
  ensureHome(home);
  const log = createLog(home.directory, config.logLevel, createRedact(secretsOf(config)), config.logFiles);
  const { sandbox, report } = await openSandbox(config);
  const { clock = systemClock } = options;
  const store = await openStore({
    home: home.directory,
    config,
    clock,
    log,
    applicationName: `cyrus start ${process.pid}`,
    maxConnections: 12,
  });
  try {
    const service = await startService({
      home: home.directory,
      config,
      db: store.db,
      sandbox,
      random: Math.random,
      log,
      version,
      ...options,
      clock,
    });
    const at = service.address ? `${service.address.host}:${service.address.port}` : null;
    log.info({ version, node: process.version, at, isolation: report.isolation, slots: service.slots }, 'started');
    return {
      service,
      store,
      isolation: report,
      async end(drainMs) {
        await (drainMs > 0 ? service.drain(drainMs) : service.close());
        await store.close();
        log.info({}, 'ended');
        log.flush();
      },
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}
