import type { Clock } from 'cyrus-core/clock';
import { backoffMs } from './backoff.ts';
import { createClockWatch } from './clock-watch.ts';
import type { Log } from './log.ts';
import type { Database, Tx } from './pool.ts';
import { ConnectionLost, toTimestamp } from './pool.ts';
import { dropDue, dueChannel, takeDue, wakeForgotten } from './wake.ts';

export { wake } from './wake.ts';

/** How one kind of entity moves. */
export interface Advance {
  readonly kind: string;
  readonly run: (tx: Tx, id: string, now: number) => Promise<void>;
}

/**
 * The advance of the entities `kind:…`. `run` is given the part of the entity's name after the colon and the time; in the
 * transaction it is given it locks the entity's row (`for update`), reads, decides and writes. It is level-triggered: run
 * twice, late or in vain it does no harm. It neither waits nor does I/O.
 */
export function defineAdvance(kind: string, run: Advance['run']): Advance {
  return { kind, run };
}

export interface EngineOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly advances: readonly Advance[];
  readonly log: Log;
  /** In [0, 1); spreads the retries of what failed. */
  readonly random: () => number;
  /** Every entity (`kind:id`) that is not at its end: each is made due when nothing else will wake it. */
  readonly liveEntities: (tx: Tx) => Promise<readonly string[]>;
  /** Transactions at a time; each needs a connection of the pool. */
  readonly concurrency?: number;
  readonly pollMs?: number;
  readonly sweepMs?: number;
}

/** How often the clock is looked at, in polls. */
const pollsPerLook = 5;

export interface Engine {
  /** Looks for due entities now: what was just committed in this process need not wait for its NOTIFY. */
  bell(): void;
  /** Makes every live entity due that has no due row. Runs by itself at the start and every minute. */
  sweep(): Promise<number>;
  /** Resolves once nothing is being advanced any more; nothing new is taken. */
  stop(): Promise<void>;
}

/** Advances due entities until stopped. Any number of processes may run one on the same database. */
export function createEngine(options: EngineOptions): Engine {
  const { db, clock, log, random, concurrency = 4, pollMs = 1_000, sweepMs = 60_000 } = options;
  const advances = new Map(options.advances.map((advance) => [advance.kind, advance]));
  const stopped = new AbortController();
  const idle: (() => void)[] = [];
  let rung = false;

  const bell = (): void => {
    const worker = idle.shift();
    if (worker) worker();
    else rung = true;
  };

  // Every other time attempts go first: after a crash, or with many issues at once, the first agent must not wait until every
  // plan has been thought about; and plans must not wait until every agent is done.
  let attemptsFirst = false;

  async function work(): Promise<void> {
    while (!stopped.signal.aborted) {
      let found = false;
      try {
        attemptsFirst = !attemptsFirst;
        found = await advanceOne(db, advances, random, log, bell, attemptsFirst);
      } catch (error) {
        log.warn({ error: String(error) }, error instanceof ConnectionLost ? 'the database is away; advancing waits' : 'advancing failed');
        await clock.sleep(200, stopped.signal);
      }
      if (found || stopped.signal.aborted) continue;
      if (rung) rung = false;
      else await new Promise<void>((resolve) => idle.push(resolve));
    }
  }

  const lookAtClock = createClockWatch(db, log);

  /** Rings now and then, so that a time that has come, or a lost NOTIFY, is seen. */
  async function poll(): Promise<void> {
    for (let polls = 0; !stopped.signal.aborted; polls++) {
      if (polls % pollsPerLook === 0)
        await lookAtClock().catch((error) => log.debug({ error: String(error) }, 'the clock was not looked at'));
      await clock.sleep(pollMs, stopped.signal);
      bell();
    }
  }

  async function sweep(): Promise<number> {
    return db.tx(async (tx) => wakeForgotten(tx, await options.liveEntities(tx)));
  }

  async function sweepAlways(): Promise<void> {
    while (!stopped.signal.aborted) {
      const waitMs = await sweep().then(
        () => sweepMs,
        (error: unknown) => {
          log.warn({ error: String(error) }, 'the sweep for forgotten entities failed');
          return 1_000;
        },
      );
      bell();
      await clock.sleep(waitMs, stopped.signal);
    }
  }

  const subscription = db.listen(dueChannel, bell);
  const loops = [poll(), sweepAlways(), ...Array.from({ length: concurrency }, work)];
  return {
    bell,
    sweep,
    async stop() {
      stopped.abort();
      for (const worker of idle.splice(0)) worker();
      await Promise.all(loops);
      // Not awaited: with the database away it would not come.
      void subscription.then((listening) => listening.close());
    },
  };
}

/** Advances one due entity, if there is one. Resolves with whether there was. */
async function advanceOne(
  db: Database,
  advances: ReadonlyMap<string, Advance>,
  random: () => number,
  log: Log,
  bell: () => void,
  attemptsFirst: boolean,
): Promise<boolean> {
  let entity: string | undefined;
  try {
    return await db.tx(async (tx) => {
      entity = undefined;
      const taken = await takeDue(tx, attemptsFirst);
      if (!taken) return false;
      entity = taken.entity;
      if (taken.more) bell(); // another worker looks
      const colon = taken.entity.indexOf(':');
      const advance = advances.get(taken.entity.slice(0, colon));
      if (!advance) throw new Error(`nothing advances entities such as ${taken.entity}`);
      await advance.run(tx, taken.entity.slice(colon + 1), taken.now);
      return true;
    });
  } catch (error) {
    if (error instanceof ConnectionLost || entity === undefined) throw error;
    const delayMs = await recordFailure(db, entity, error, random());
    log.error({ entity, error: String(error), delayMs }, 'advancing an entity failed; it is tried again later');
    return true;
  }
}

/**
 * Notes that `entity` could not be advanced, and replaces what is due of it by one later try. Resolves with how much later;
 * undefined when another worker has taken it, or noted the failure, meanwhile.
 */
async function recordFailure(db: Database, entity: string, error: unknown, random: number): Promise<number | undefined> {
  return db.tx(async (tx) => {
    if ((await dropDue(tx, entity)) === 0) return undefined;
    const now = await tx.now();
    const { rows } = await tx.query<{ failures: number }>(
      `insert into cyrus.advance_failure as f (entity, failures, last_error, last_at) values ($1, 1, $2, $3)
       on conflict (entity) do update set failures = f.failures + 1, last_error = excluded.last_error, last_at = excluded.last_at
       returning failures`,
      [entity, describe(error), toTimestamp(now)],
    );
    const delayMs = backoffMs(rows[0]?.failures ?? 1, random);
    // A later try serves what was to wake it earlier: without this, tries of one entity would multiply.
    await dropDue(tx, entity, now + delayMs);
    await tx.query('insert into cyrus.due (id, at) values ($1, $2)', [entity, toTimestamp(now + delayMs)]);
    return delayMs;
  });
}

function describe(error: unknown): string {
  return (error instanceof Error ? (error.stack ?? error.message) : String(error)).slice(0, 4_000);
}
