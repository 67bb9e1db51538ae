import type { Clock } from 'cyrus-core/clock';

/** The right to be the only one; ends with the connection it stands on. */
export interface Lock {
  held(): boolean;
  release(): Promise<void>;
}

/** Takes the lock of a name, or null while somebody else has it. */
export type HoldLock = (name: string) => Promise<Lock | null>;

/** Asks for a lock until it is had; undefined once `signal` aborts. */
export async function takeLock(
  hold: HoldLock,
  options: { readonly name: string; readonly clock: Clock; readonly retryMs: number; readonly signal: AbortSignal },
): Promise<Lock | undefined> {
  while (!options.signal.aborted) {
    const lock = await hold(options.name);
    if (lock) return lock;
    await options.clock.sleep(options.retryMs, options.signal);
  }
  return undefined;
}
