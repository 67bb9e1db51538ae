import type { Clock } from 'cyrus-core/clock';
import pg from 'pg';
import type { Log } from './log.ts';

export interface Subscription {
  /** No call of `onNotify` after this. */
  close(): void;
}

export interface Listener {
  listen(channel: string, onNotify: (payload: string) => void): Promise<Subscription>;
  close(): Promise<void>;
}

/** One connection that LISTENs for all channels and comes back by itself. */
export function createListener(options: { settings: pg.ClientConfig; clock: Clock; log: Log }): Listener {
  const { settings, clock, log } = options;
  const stopped = new AbortController();
  const heard = new Map<string, Set<(payload: string) => void>>();
  let client: pg.Client | undefined;
  let running: Promise<void> | undefined;
  let waiting: (() => void)[] = [];
  // One statement at a time on the connection.
  let lastListen: Promise<unknown> = Promise.resolve();

  const call = (onNotify: (payload: string) => void, payload: string): void => {
    try {
      onNotify(payload);
    } catch (error) {
      log.error({ error: String(error) }, 'a listener threw');
    }
  };

  async function connectOnce(): Promise<void> {
    // A quiet connection is a healthy one here, and the time limits of ordinary sessions do not apply to it.
    const next = new pg.Client({ ...settings, keepAlive: true, keepAliveInitialDelayMillis: 5_000 });
    const ended = new Promise<void>((resolve) => {
      next.once('end', resolve);
      next.on('error', () => resolve());
    });
    next.on('notification', ({ channel, payload }) => {
      for (const onNotify of [...(heard.get(channel) ?? [])]) call(onNotify, payload ?? '');
    });
    try {
      await next.connect();
      for (const channel of heard.keys()) await next.query(`listen ${pg.escapeIdentifier(channel)}`);
      client = next;
      const subscribed = waiting;
      waiting = [];
      for (const resolve of subscribed) resolve();
      for (const all of heard.values()) for (const onNotify of [...all]) call(onNotify, '');
      await Promise.race([ended, aborted(stopped.signal)]);
    } finally {
      client = undefined;
      const polite = new AbortController();
      await Promise.race([next.end().catch(() => undefined), clock.sleep(1_000, polite.signal)]);
      polite.abort();
    }
  }

  async function run(): Promise<void> {
    for (let failures = 0; !stopped.signal.aborted; ) {
      try {
        await connectOnce();
        failures = 0;
      } catch (error) {
        failures++;
        log.debug({ error: String(error) }, 'cannot listen to the database');
      }
      if (!stopped.signal.aborted) await clock.sleep(Math.min(2_000, 50 * 2 ** failures), stopped.signal);
    }
  }

  return {
    async listen(channel, onNotify) {
      const known = heard.get(channel);
      const all = known ?? new Set();
      heard.set(channel, all);
      all.add(onNotify);
      const live = client;
      if (live && !known) {
        // A failure here ends the connection, and the next one listens to all channels.
        const listening = lastListen.then(() => live.query(`listen ${pg.escapeIdentifier(channel)}`));
        lastListen = listening.catch(() => live.end().catch(() => undefined));
        await lastListen;
      }
      if (!live)
        await new Promise<void>((resolve) => {
          waiting.push(resolve);
          running ??= run();
        });
      return {
        close: () => {
          all.delete(onNotify);
        },
      };
    },
    async close() {
      stopped.abort();
      heard.clear();
      for (const resolve of waiting.splice(0)) resolve();
      await running;
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
