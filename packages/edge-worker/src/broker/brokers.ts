import type { Clock } from 'cyrus-core/clock';
import type { Log } from 'cyrus-store/log';
import type { Database } from 'cyrus-store/pool';
import { openCredentials } from 'cyrus-store/queries/outbound-credentials';
import { type Broker, createBroker } from './broker.ts';
import type { Perform } from './outcome.ts';

const lookMs = 5_000;

export interface BrokersOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** Those that have a broker from the start; the others get theirs with their first write. */
  readonly credentials: readonly string[];
  /** Who makes a credential's writes happen; undefined for one that this process knows nothing of. */
  readonly performer: (credential: string) => Perform | undefined;
  readonly onWake?: () => void;
}

/** The brokers of this process, one for each credential that has or had writes to send. */
export interface Brokers {
  /** There may be something to send with this credential. */
  wake(credential: string): void;
  state(): readonly { readonly credential: string; readonly held: boolean }[];
  close(): Promise<void>;
}

export async function startBrokers(options: BrokersOptions): Promise<Brokers> {
  const { db, clock, log } = options;
  const brokers = new Map<string, Broker>();
  const unknown = new Set<string>();
  const stopped = new AbortController();

  function ensure(credential: string): Broker | undefined {
    const known = brokers.get(credential);
    if (known || stopped.signal.aborted) return known;
    const perform = options.performer(credential);
    if (!perform) {
      if (!unknown.has(credential)) log.warn({ credential }, 'writes wait for a credential that nothing here sends with');
      unknown.add(credential);
      return undefined;
    }
    const { random, onWake } = options;
    const broker = createBroker({ db, clock, random, log, credential, perform, ...(onWake ? { onWake } : {}) });
    brokers.set(credential, broker);
    return broker;
  }

  async function look(): Promise<void> {
    while (!stopped.signal.aborted) {
      try {
        for (const credential of await openCredentials(db)) ensure(credential);
      } catch (error) {
        log.debug({ error: String(error) }, 'cannot look for credentials with open writes');
      }
      await clock.sleep(lookMs, stopped.signal);
    }
  }

  for (const credential of options.credentials) ensure(credential);
  const wake = (credential: string): void => ensure(credential)?.wake();
  // An empty payload: the connection is new, and any of them may have missed something.
  const subscription = db.listen('outbound', (credential) => {
    if (credential === '') for (const broker of brokers.values()) broker.wake();
    else wake(credential);
  });
  const looking = look();
  return {
    wake,
    state: () => [...brokers.values()].map((broker) => ({ credential: broker.credential, held: broker.held() })),
    async close() {
      stopped.abort();
      // Not awaited: with the database away it would not come.
      void subscription.then((listening) => listening.close());
      await Promise.all([...brokers.values()].map((broker) => broker.close()));
      await looking;
    },
  };
}
