/** A broker in a process of its own, to be killed. Without `RECORD` it never gets to note what it has performed. */
import { systemClock } from 'cyrus-core/clock';
import { silentLog } from 'cyrus-store/log';
import { openDatabase } from 'cyrus-store/pool';
import { parseUrl } from 'cyrus-store/server/external';
import { startBrokers } from '../../src/broker/brokers.ts';
import { createLinearClients } from '../../src/broker/linear-clients.ts';
import { performLinear } from '../../src/broker/perform-linear.ts';
import { configOf } from './config.ts';

const { DATABASE_URL = '', LINEAR_URL = '', WORKSPACE = '', HOME = '', RECORD } = process.env;
const config = configOf({ linear: { apiUrl: LINEAR_URL, token: 'lin_oauth_app' } });
const db = openDatabase({ connection: parseUrl(DATABASE_URL), clock: systemClock, applicationName: 'broker child' });
const clients = createLinearClients({ config: () => config, home: HOME, clock: systemClock, log: silentLog });
const perform = performLinear({ workspace: WORKSPACE, clients, db, log: silentLog });
await startBrokers({
  db,
  clock: systemClock,
  random: Math.random,
  log: silentLog,
  credentials: [`linear:${WORKSPACE}`],
  performer: () => async (write, signal) => {
    const outcome = await perform(write, signal);
    if (RECORD !== undefined || outcome.state !== 'sent') return outcome;
    process.stdout.write('performed\n');
    return new Promise(() => undefined);
  },
});
