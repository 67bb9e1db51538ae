import { systemClock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import { openStore, type Store } from 'cyrus-edge-worker/open-store';
import { silentLog } from 'cyrus-store/log';
import { ensureHome, type Home } from './home.ts';

/** Runs `work` with the home's database: the running service's, else one started for as long as this takes. */
export async function withStore<T>(home: Home, config: Config, work: (store: Store) => Promise<T>): Promise<T> {
  ensureHome(home);
  const store = await openStore({
    home: home.directory,
    config,
    clock: systemClock,
    log: silentLog,
    applicationName: `cyrus command ${process.pid}`,
    maxConnections: 3,
  });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}
