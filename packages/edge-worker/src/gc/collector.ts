import { collectGarbage, type GcOptions } from './gc.ts';
import type { GcReport } from './report.ts';

/** Gives back space, one run after another. */
export interface Collector {
  run(options: { readonly dryRun: boolean; readonly signal?: AbortSignal }): Promise<GcReport>;
  close(): Promise<void>;
}

/** After the start there is other work to do. */
const firstMs = 10 * 60_000;
const everyMs = 6 * 3_600_000;
const lookMs = 60_000;
/** While space is short. */
const shortEveryMs = 15 * 60_000;

/** A collector that also runs by itself, and sooner while the disk is short of space. */
export function startCollector(options: GcOptions): Collector {
  const { clock, log, room } = options;
  const closed = new AbortController();
  let last: Promise<unknown> = Promise.resolve();
  const run: Collector['run'] = ({ dryRun, signal }) => {
    const both = signal === undefined ? closed.signal : AbortSignal.any([signal, closed.signal]);
    const result = last.then(() => collectGarbage(options, { dryRun, signal: both }));
    last = result.catch(() => undefined);
    return result;
  };

  async function work(): Promise<void> {
    let due = clock.now() + firstMs;
    let soonest = due;
    while (!closed.signal.aborted) {
      await clock.sleep(lookMs, closed.signal);
      if (closed.signal.aborted) return;
      try {
        const now = clock.now();
        const short = now >= soonest && (await room.shortage()) !== undefined;
        if (now < due && !short) continue;
        due = now + everyMs;
        soonest = now + shortEveryMs;
        const { items, freedBytes, kept } = await run({ dryRun: false });
        if (items.length > 0 || kept.length > 0)
          log.info({ items: items.length, kept, freedBytes }, 'space of what is over was given back');
      } catch (error) {
        if (!closed.signal.aborted) log.warn({ error: String(error) }, 'gc failed; it is tried again later');
      }
    }
  }

  const working = work();
  return {
    run,
    async close() {
      closed.abort();
      await Promise.all([working, last]);
    },
  };
}
