import type { Clock } from 'cyrus-core/clock';
import type { Failure } from 'cyrus-core/failure';
import { type CodegenClient, pageSize } from './client.ts';
import type { CodegenRun } from './payload.ts';

/** What one look at the organisation's runs showed of a run. */
export type Seen =
  | { readonly kind: 'run'; readonly run: CodegenRun }
  | { readonly kind: 'missing' }
  /** It could not be seen. */
  | { readonly kind: 'failed'; readonly failure: Failure };

export interface Watch {
  /** The newest look that was not given yet; waits for one. */
  next(): Promise<Seen>;
  close(): void;
}

/** One poller for all runs of an organisation that are followed: it looks at the list of runs, not at each. */
export interface Poller {
  watch(runId: number): Watch;
}

export interface PollerOptions {
  readonly client: CodegenClient;
  readonly clock: Clock;
  readonly random: () => number;
  /** Between two looks; spread by a quarter. */
  readonly pollMs: number;
}

/** Older runs are looked at one by one. */
const mostPages = 3;
const mostSingle = 20;

interface Watcher {
  readonly runId: number;
  seen: Seen | undefined;
  waiting: PromiseWithResolvers<Seen> | undefined;
}

export function createPoller({ client, clock, random, pollMs }: PollerOptions): Poller {
  const watchers = new Set<Watcher>();
  let running = false;
  let wake = new AbortController();

  function show(watcher: Watcher, seen: Seen): void {
    const { waiting } = watcher;
    if (!waiting) {
      watcher.seen = seen;
      return;
    }
    watcher.waiting = undefined;
    waiting.resolve(seen);
  }

  async function look(): Promise<void> {
    const missing = new Set(watchers);
    for (let page = 0; page < mostPages && missing.size > 0; page++) {
      const listed = await client.listRuns(page * pageSize);
      if (!listed.ok) {
        for (const watcher of missing) show(watcher, { kind: 'failed', failure: listed.error.failure });
        return;
      }
      const { items } = listed.value;
      const byId = new Map(items.map((run) => [run.id, run]));
      for (const watcher of missing) {
        const run = byId.get(watcher.runId);
        if (!run) continue;
        missing.delete(watcher);
        show(watcher, { kind: 'run', run });
      }
      if (items.length < pageSize) break;
    }
    for (const watcher of [...missing].slice(0, mostSingle)) {
      // To the end of the queue: with many of them, the next look is at the others.
      if (watchers.delete(watcher)) watchers.add(watcher);
      const one = await client.getRun(watcher.runId);
      if (one.ok) show(watcher, { kind: 'run', run: one.value });
      else show(watcher, one.error.status === 404 ? { kind: 'missing' } : { kind: 'failed', failure: one.error.failure });
    }
  }

  async function poll(): Promise<void> {
    while (watchers.size > 0) {
      wake = new AbortController();
      const began = clock.now();
      await look();
      await clock.sleep(pollMs * (0.75 + random() / 2), wake.signal);
      // Many new runs at once are one look, not one each.
      const gapMs = began + pollMs / 4 - clock.now();
      if (gapMs > 0 && watchers.size > 0) await clock.sleep(gapMs);
    }
    running = false;
  }

  return {
    watch(runId) {
      const watcher: Watcher = { runId, seen: undefined, waiting: undefined };
      watchers.add(watcher);
      if (running) wake.abort();
      else {
        running = true;
        void poll();
      }
      return {
        next() {
          const { seen } = watcher;
          watcher.seen = undefined;
          if (seen) return Promise.resolve(seen);
          watcher.waiting ??= Promise.withResolvers<Seen>();
          return watcher.waiting.promise;
        },
        close() {
          watchers.delete(watcher);
          if (watchers.size === 0) wake.abort();
        },
      };
    },
  };
}
