import type { Checkout } from 'cyrus-checkouts/checkout';
import type { Checkouts } from 'cyrus-checkouts/checkouts';
import type { Mirror } from 'cyrus-checkouts/mirror';
import type { Clock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import type { Log } from 'cyrus-store/log';
import type { DiskRoom } from '../jobs/disk-room.ts';
import { checkoutBytes } from '../jobs/fetch-source.ts';
import type { Repositories } from '../jobs/repositories.ts';
import { decidePool } from './decide-pool.ts';

export interface PoolFillerOptions {
  readonly checkouts: Checkouts;
  readonly repositories: Repositories;
  readonly config: () => Config;
  readonly clock: Clock;
  readonly log: Log;
  readonly room: DiskRoom;
  /** Repositories that had a task in the last days. */
  readonly recent: (days: number) => Promise<readonly string[]>;
  /** Whether somebody waits for this machine: a checkout is made, an agent starts, checks run. */
  readonly busy: () => boolean;
  readonly quietMs?: number;
  readonly firstLookMs?: number;
}

/** Keeps new checkouts ready, one after another, while nobody waits for the machine. */
export interface PoolFiller {
  /** Something changed: looks again, once it is quiet. */
  wake(): void;
  /** Gives up everything that waits; whether there was anything. */
  shrink(): Promise<boolean>;
  close(): Promise<void>;
}

const lookEveryMs = 10 * 60_000;
/** A machine that is never quiet gets its checkouts made all the same, behind everything else. */
const patienceMs = 60_000;
/** After space ran short nothing is made for this long. */
const restMs = 10 * 60_000;

export function createPoolFiller(options: PoolFillerOptions): PoolFiller {
  const { checkouts, repositories, config, clock, log, room, busy, quietMs = 3_000, firstLookMs = 5_000 } = options;
  const closed = new AbortController();
  const { signal } = closed;
  let woken = new AbortController();
  let restUntil = 0;
  let shrinking = false;

  async function untilQuiet(): Promise<void> {
    const deadline = clock.now() + patienceMs;
    let quietSince = clock.now();
    while (!signal.aborted && clock.now() < deadline) {
      if (busy()) quietSince = clock.now();
      else if (clock.now() - quietSince >= quietMs) return;
      await clock.sleep(500, signal);
    }
  }

  async function opened(id: string): Promise<{ readonly mirror: Mirror; readonly sha: string } | undefined> {
    const repository = repositories.config(id);
    if (repository === undefined || !repository.isActive) return undefined;
    const mirror = await repositories.open(id);
    const branch = repository.baseBranch ?? (await mirror.defaultBranch());
    const sha = branch === undefined ? undefined : await mirror.resolve(branch);
    return sha === undefined ? undefined : { mirror, sha };
  }

  /** One step towards what is wanted; false: there is nothing to do. */
  async function step(): Promise<boolean> {
    const settings = config().checkouts;
    const resting = clock.now() < restUntil || (await room.shortage()) !== undefined;
    const used = resting ? [] : await options.recent(settings.poolIdleDays);
    const waiting = await checkouts.pool.list();
    for (const id of new Set([...used, ...waiting.map(({ repositoryId }) => repositoryId)])) {
      const source = await opened(id);
      const mine = waiting.filter(({ repositoryId }) => repositoryId === id);
      const sparse = repositories.config(id)?.sparse;
      const action = decidePool({
        wanted: source === undefined || !used.includes(id) ? 0 : settings.pool,
        waiting: mine,
        outdated: source === undefined ? mine : await checkouts.pool.outdated(source.mirror, sparse ?? []),
        sha: source?.sha,
      });
      if (action.do === 'nothing') continue;
      if (action.do === 'drop') {
        await checkouts.pool.drop(action.waiting as Checkout);
        return true;
      }
      if (source === undefined) continue;
      await untilQuiet();
      if (signal.aborted || shrinking) return false;
      const request = { mirror: source.mirror, sha: source.sha, sparse, signal };
      if (action.do === 'forward') {
        await checkouts.pool.forward(action.waiting as Checkout, request);
        return true;
      }
      if ((await room.shortage(await checkoutBytes(source.mirror, source.sha))) !== undefined) {
        restUntil = clock.now() + restMs;
        return false;
      }
      await checkouts.pool.add(request);
      room.forget();
      return true;
    }
    return false;
  }

  async function work(): Promise<void> {
    await clock.sleep(firstLookMs, signal);
    while (!signal.aborted) {
      woken = new AbortController();
      try {
        while (!signal.aborted && (await step()));
      } catch (error) {
        if (!signal.aborted) log.warn({ error: String(error) }, 'a checkout could not be made ready; a task will make its own');
      }
      await clock.sleep(lookEveryMs, AbortSignal.any([signal, woken.signal]));
    }
  }

  const working = work();
  return {
    wake: () => woken.abort(),
    async shrink() {
      shrinking = true;
      restUntil = clock.now() + restMs;
      try {
        const waiting = await checkouts.pool.list();
        for (const each of waiting) await checkouts.pool.drop(each);
        return waiting.length > 0;
      } finally {
        shrinking = false;
      }
    },
    async close() {
      closed.abort();
      await working;
    },
  };
}
