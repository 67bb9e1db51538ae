import type { Clock } from 'cyrus-core/clock';
import { type Failure, FailureError } from 'cyrus-core/failure';
import type { HeldLock } from 'cyrus-store/advisory';
import type { Log } from 'cyrus-store/log';
import type { Database } from 'cyrus-store/pool';
import { type ClaimedWrite, claimWrites } from 'cyrus-store/queries/outbound-claim';
import { insertCredentialEvent } from 'cyrus-store/queries/outbound-credential-event';
import { recoverWrites } from 'cyrus-store/queries/outbound-recover';
import { requeueWrite } from 'cyrus-store/queries/outbound-requeue';
import { settleWrite } from 'cyrus-store/queries/outbound-settle';
import { stoppedWrites } from 'cyrus-store/queries/outbound-stopped';
import { createBell } from '../supervisor/bell.ts';
import { untilStored, untilTaken } from '../supervisor/until-stored.ts';
import { decideRetry } from './decide-retry.ts';
import { takeLock } from './lock.ts';
import type { Perform, WriteOutcome } from './outcome.ts';
import { storableResult } from './storable-result.ts';

const lanesAtOnce = 8;
const pollMs = 1_000;
/** How long what is under way may take once the broker closes; after that it is sent again under its id by the next. */
const closeWithinMs = 5_000;
const longestFailureWaitMs = 5_000;
/** A short trouble is nobody's business; whoever waits for a write hears of a longer one. */
const tellAfterTries = 3;
/** A limit that holds for so long is told at its first refusal: the tries after it are far apart. */
const longWaitMs = 60_000;
/** A write whose performer throws what it should not is a defect: after so many tries its lane goes on without it. */
const defectTries = 10;

export interface BrokerOptions {
  readonly db: Database;
  readonly clock: Clock;
  /** 0 ≤ x < 1 */
  readonly random: () => number;
  readonly credential: string;
  readonly perform: Perform;
  readonly log: Log;
  /** Told after a commit that woke an entity. */
  readonly onWake?: () => void;
}

/** Sends the outbound writes of one credential. One broker of a credential works at a time, on however many hosts. */
export interface Broker {
  readonly credential: string;
  /** There may be something to send. */
  wake(): void;
  /** True while this broker is the one that sends. */
  held(): boolean;
  /** Takes on nothing more, lets what is under way end, and lets go. */
  close(): Promise<void>;
}

export function createBroker(options: BrokerOptions): Broker {
  const { db, clock, credential, log } = options;
  const stopped = new AbortController();
  const abandoned = new AbortController();
  const bell = createBell(clock);
  const underWay = new Map<string, { readonly ended: Promise<void>; readonly planned: boolean; readonly stop: AbortController }>();
  let lock: HeldLock | undefined;
  let pause = { since: 0, until: 0 };
  /** The end of a write was not recorded: it is under way as far as the rows tell, and its lane waits. */
  let unrecorded = false;
  /** Whose credential was last refused; '' where the broker has but one. */
  const reported = new Set<string>();

  async function run(): Promise<void> {
    for (let failures = 0; !stopped.signal.aborted; ) {
      try {
        lock = await takeLock(db, `broker:${credential}`, { clock, log, signal: stopped.signal });
        if (!lock) return;
        lock.lost.addEventListener('abort', bell.ring);
        const recovered = await recoverWrites(db, credential, [...underWay.keys()]);
        if (recovered > 0) log.info({ credential, recovered }, 'writes of an earlier run are sent again under their ids');
        failures = 0;
        await drain(lock);
      } catch (error) {
        log.warn({ credential, error: String(error) }, 'the broker starts again');
        await clock.sleep(Math.min(longestFailureWaitMs, 50 * 2 ** failures++), stopped.signal);
      } finally {
        if (stopped.signal.aborted)
          await Promise.race([Promise.allSettled([...underWay.values()].map((each) => each.ended)), aborted(abandoned.signal)]);
        await lock?.release();
        lock = undefined;
      }
    }
  }

  async function drain(held: HeldLock): Promise<void> {
    while (!stopped.signal.aborted && held.held()) {
      if (unrecorded) {
        unrecorded = false;
        await recoverWrites(db, credential, [...underWay.keys()]);
      }
      await endStopped();
      const free = lanesAtOnce - underWay.size;
      const now = clock.now();
      // A clock that was set back does not make a pause longer.
      const pausedMs = now < pause.since ? 0 : pause.until - now;
      if (free > 0 && pausedMs <= 0) {
        const { claimed, cancelled } = await claimWrites(db, { credential, limit: free });
        for (const write of claimed) start(write);
        // Behind a cancelled head there may be one to send.
        if (cancelled > 0) continue;
      }
      await bell.wait(pausedMs > 0 ? Math.min(pausedMs, pollMs) : pollMs);
    }
  }

  /** A push that is still on its way when its plan is stopped is not waited for: it goes back into its lane, and is cancelled there. */
  async function endStopped(): Promise<void> {
    const ids = [...underWay].filter(([, { planned, stop }]) => planned && !stop.signal.aborted).map(([id]) => id);
    if (ids.length === 0) return;
    for (const id of await stoppedWrites(db, ids)) underWay.get(id)?.stop.abort();
  }

  function start(write: ClaimedWrite): void {
    const stop = new AbortController();
    const ended = send(write, stop.signal)
      .catch(async (error) => {
        log.error(
          { credential, key: write.key, error: String(error) },
          'the end of a write was not recorded; it is sent again under its id',
        );
        // What keeps it from being recorded may last: a database that takes no writes, say.
        await clock.sleep(longestFailureWaitMs, stopped.signal);
        unrecorded = true;
      })
      .finally(() => {
        underWay.delete(write.id);
        bell.ring();
      });
    underWay.set(write.id, { ended, planned: write.planId !== null, stop });
  }

  async function send(write: ClaimedWrite, stopped: AbortSignal): Promise<void> {
    const outcome = await tryOnce(write, stopped);
    if (outcome.state === 'retry') return again(write, outcome.failure, outcome.subject);
    if (outcome.state === 'sent') await worksAgain(outcome.subject);
    else log.warn({ credential, key: write.key, failure: outcome.failure }, 'a write was refused');
    const settlement = outcome.state === 'sent' ? { ...outcome, result: storableResult(outcome.result) } : outcome;
    const notify = await untilTaken({ db, clock, log, givenUp: abandoned.signal }, `write ${write.key}`, () =>
      settleWrite(db, write.id, settlement),
    );
    if (notify !== null) options.onWake?.();
  }

  async function tryOnce(write: ClaimedWrite, stopped: AbortSignal): Promise<WriteOutcome> {
    try {
      return await options.perform(write, AbortSignal.any([abandoned.signal, stopped]));
    } catch (error) {
      if (stopped.aborted) return { state: 'retry', failure: { class: 'network', message: 'Stopped on its way.' } };
      if (error instanceof FailureError) return { state: 'retry', failure: error.failure };
      log.error({ credential, key: write.key, error: error instanceof Error ? error.stack : String(error) }, 'a write failed unexpectedly');
      const failure: Failure = {
        class: 'network',
        message: `The write failed unexpectedly: ${error instanceof Error ? error.message : String(error)}`,
      };
      return write.attempts >= defectTries ? { state: 'rejected', failure } : { state: 'retry', failure };
    }
  }

  async function again(write: ClaimedWrite, failure: Failure, subject?: string): Promise<void> {
    const retry = decideRetry(failure, write.attempts, clock.now(), options.random());
    const others = failure.class === 'auth' && subject !== undefined;
    if (retry.pauses === 'credential' && !others) pause = { since: clock.now(), until: Math.max(pause.until, clock.now() + retry.delayMs) };
    const long = failure.class === 'rate_limited' && retry.delayMs >= longWaitMs;
    if ((failure.class === 'auth' || long) && !reported.has(subject ?? '')) {
      reported.add(subject ?? '');
      if (long)
        log.warn({ credential, subject, failure, waitMs: retry.delayMs }, 'the credential’s limit is reached; everything of it waits');
      else log.error({ credential, subject, failure }, 'the credential is refused');
      await untilStored({ db, clock, log, givenUp: abandoned.signal }, 'a refused credential', (tx) =>
        insertCredentialEvent(tx, 'credential_failed', { credential, ...(subject === undefined ? {} : { subject }), failure }),
      );
    }
    log.debug({ credential, key: write.key, failure, ...retry }, 'a write is tried again later');
    await untilStored({ db, clock, log, givenUp: abandoned.signal }, `write ${write.key}`, (tx) =>
      requeueWrite(tx, {
        id: write.id,
        delayMs: retry.delayMs,
        failure,
        tell: write.attempts === (failure.class === 'auth' || long ? 1 : tellAfterTries),
      }),
    );
    // The poll is coarser than the first delays.
    if (retry.delayMs < pollMs) void clock.sleep(retry.delayMs, stopped.signal).then(bell.ring);
  }

  async function worksAgain(subject?: string): Promise<void> {
    if (!reported.delete(subject ?? '')) return;
    log.info({ credential, subject }, 'the credential works again');
    await untilStored({ db, clock, log, givenUp: abandoned.signal }, 'a credential that works again', (tx) =>
      insertCredentialEvent(tx, 'credential_recovered', { credential, ...(subject === undefined ? {} : { subject }) }),
    );
  }

  const running = run();
  return {
    credential,
    wake: bell.ring,
    held: () => lock?.held() ?? false,
    async close() {
      stopped.abort();
      bell.ring();
      const done = new AbortController();
      void clock.sleep(closeWithinMs, done.signal).then(() => abandoned.abort());
      await running;
      done.abort();
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
