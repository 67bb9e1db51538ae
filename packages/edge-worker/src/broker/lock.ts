import type { Clock } from 'cyrus-core/clock';
import { type HeldLock, holdLock } from 'cyrus-store/advisory';
import type { Log } from 'cyrus-store/log';
import type { Database } from 'cyrus-store/pool';

const retryMs = 1_000;

/** Asks for the lock `name` until it is had; undefined once `signal` aborts. @throws ConnectionLost */
export async function takeLock(
  db: Database,
  name: string,
  options: { readonly clock: Clock; readonly log: Log; readonly signal: AbortSignal },
): Promise<HeldLock | undefined> {
  const { clock, log, signal } = options;
  for (let told = false; !signal.aborted; told = true) {
    const outcome = await holdLock(db, name, { clock, log });
    if (outcome.held) return outcome.lock;
    if (!told) log.info({ name, holder: outcome.holder.description }, 'another process has this lock; waiting for it');
    await clock.sleep(retryMs, signal);
  }
  return undefined;
}
