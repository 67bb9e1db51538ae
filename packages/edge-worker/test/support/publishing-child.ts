/** Brokers for git and GitHub in a process of their own, to be killed. They never get to note what they have performed. */
import { systemClock } from 'cyrus-core/clock';
import { silentLog } from 'cyrus-store/log';
import { openDatabase } from 'cyrus-store/pool';
import { parseUrl } from 'cyrus-store/server/external';
import { startBrokers } from '../../src/broker/brokers.ts';
import { createPerformers } from '../../src/broker/performers.ts';
import { createGithubCredentials } from '../../src/github-credentials.ts';
import { checkoutsIn, publishingConfig } from './publishing.ts';

const { DATABASE_URL = '', GITHUB_URL = '', CLONE_URL = '', CYRUS_HOME = '' } = process.env;
const config = publishingConfig(GITHUB_URL, CLONE_URL);
const github = createGithubCredentials({ config: () => config, clock: systemClock });
const performers = createPerformers({ config: () => config, checkouts: checkoutsIn(CYRUS_HOME), clock: systemClock, github });
await startBrokers({
  db: openDatabase({ connection: parseUrl(DATABASE_URL), clock: systemClock, applicationName: 'publishing child' }),
  clock: systemClock,
  random: Math.random,
  log: silentLog,
  credentials: ['git', 'github'],
  performer: (credential) => {
    const perform = performers(credential);
    return async (write, signal) => {
      const outcome = (await perform?.(write, signal)) ?? { state: 'sent', result: {} };
      if (outcome.state !== 'sent') return outcome;
      process.stdout.write(`performed ${write.key}\n`);
      return new Promise(() => undefined);
    };
  },
});
