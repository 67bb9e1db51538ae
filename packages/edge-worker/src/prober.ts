import type { Clock } from 'cyrus-core/clock';
import type { Failure } from 'cyrus-core/failure';
import type { ExecutorHealth, TaskExecutor } from 'cyrus-executor-interface/executor';
import type { Log } from 'cyrus-store/log';
import { type Database, isConnectionError } from 'cyrus-store/pool';
import { executorsOut, lockCondition, parkedExecutors, saveCondition } from 'cyrus-store/queries/executor-condition';
import { wake } from 'cyrus-store/wake';
import { probeAt } from 'cyrus-task-orchestrator/condition';
import { trouble } from 'cyrus-task-orchestrator/failure-words';
import { createBell } from './supervisor/bell.ts';

export interface ProberOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly executors: ReadonlyMap<string, Pick<TaskExecutor, 'health'>>;
  readonly everyMs?: number;
}

/** The configured executors that are not to be used now, and why; null: all may be. */
export async function executorTrouble(db: Database, configured: ReadonlyMap<string, unknown>): Promise<string | null> {
  const out = (await executorsOut(db)).filter(({ executorId }) => configured.has(executorId));
  const words = out.map(
    ({ reason, until }) => `${reason} (${until === null ? 'until it is mended' : `tried again at ${new Date(until).toISOString()}`})`,
  );
  return words.length === 0 ? null : words.join('; ');
}

/** Asks executors that a person has to mend whether they are well again. */
export interface Prober {
  /** Once all were asked that were parked when it started: the configuration may have changed since. */
  readonly asked: Promise<void>;
  close(): Promise<void>;
}

/**
 * Looks at the start, when something has changed, and every now and then: which executors are parked without an end. A healthy one is
 * given a single run, which shows whether it is mended: what a health check sees of a login is not always what a run needs.
 */
export function startProber({ db, clock, log, executors, everyMs = 30_000 }: ProberOptions): Prober {
  const stopped = new AbortController();
  const bell = createBell(clock);
  let first = true;

  async function look(): Promise<void> {
    for (const parked of await parkedExecutors(db)) {
      const executor = executors.get(parked.executorId);
      if (!executor) continue;
      // A start may be the mending: whoever changed the configuration does not wait.
      if (!first && probeAt(parked, parked.changedAt) > parked.now) continue;
      const health = await executor.health().catch((error): ExecutorHealth => ({ state: 'unavailable', detail: String(error) }));
      if (health.state !== 'ready') {
        if (health.failure && health.failure.message !== parked.failure?.message) await sayAnew(parked.executorId, health.failure);
        continue;
      }
      await db.tx(async (tx) => {
        const row = await lockCondition(tx, parked.executorId);
        if (row.state !== 'parked' || row.until !== null) return;
        await saveCondition(tx, { ...row, state: 'resting', until: await tx.now(), trial: null });
        await wake(tx, ['dispatcher:main']);
      });
      log.info({ executor: parked.executorId, detail: health.detail }, 'an executor seems to be well again; one run finds out');
    }
    first = false;
  }

  /** Something else is wrong with it by now. */
  async function sayAnew(executorId: string, failure: Failure): Promise<void> {
    await db.tx(async (tx) => {
      const row = await lockCondition(tx, executorId);
      if (row.state !== 'parked' || row.until !== null) return;
      await saveCondition(tx, { ...row, failure, reason: trouble(executorId, failure, await tx.now()) });
    });
  }

  const firstLook = Promise.withResolvers<void>();
  async function run(): Promise<void> {
    const subscription = db.listen('executor', bell.ring);
    // The look at every turn finds what nobody rang for.
    subscription.catch((error) => log.warn({ error: String(error) }, 'changes of executors are not heard of at once; they are looked for'));
    while (!stopped.signal.aborted) {
      await look().catch((error) => {
        if (!isConnectionError(error)) log.warn({ error: String(error) }, 'parked executors could not be asked');
      });
      firstLook.resolve();
      if (!stopped.signal.aborted) await bell.wait(everyMs);
    }
    void subscription.then((listening) => listening.close()).catch(() => undefined);
  }

  const loop = run();
  return {
    asked: firstLook.promise,
    async close() {
      stopped.abort();
      bell.ring();
      await loop;
    },
  };
}
