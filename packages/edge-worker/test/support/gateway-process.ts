/** A gateway in a process of its own, to be killed: `gateway-process.ts API_URL SOCKET CONNECTION ATTEMPT`. It says `ready KEY`; it never settles. */
import { systemClock } from 'cyrus-core/clock';
import { configSchema } from 'cyrus-core/config/schema';
import { systemIds } from 'cyrus-core/ids';
import { loadPrices, priceList } from 'cyrus-core/prices';
import { createGateway } from 'cyrus-sandbox/gateway/gateway';
import type { ConnectionConfig } from 'cyrus-store/connection';
import { createLedger } from 'cyrus-store/ledger';
import { silentLog } from 'cyrus-store/log';
import { openDatabase } from 'cyrus-store/pool';
import { createBudgetRules } from '../../src/money/budget-rules.ts';

const [, , apiUrl = '', socket = '', connection = '{}', attemptId = ''] = process.argv;
const config = configSchema.parse({ budgets: { perTaskUsd: null, perDayUsd: 50 } });
const db = openDatabase({
  connection: JSON.parse(connection) as ConnectionConfig,
  clock: systemClock,
  log: silentLog,
  applicationName: 'gateway',
});
const ledger = createLedger(
  db,
  createBudgetRules(() => config),
);
const gateway = createGateway({
  ...{ apiUrl, apiKey: 'real', clock: systemClock, ids: systemIds, prices: { price: await loadPrices(), name: priceList } },
  ledger: { intend: (intent) => ledger.intend(intent), settle: () => new Promise(() => undefined) },
});
const door = await gateway.open({ attemptId, socket });
process.stdout.write(`ready ${door.key}\n`);
