import { setTimeout as sleep } from 'node:timers/promises';

/** Asks `probe` until it gives something true. @throws Error after `withinMs`, which ends what hangs and measures nothing */
export async function until<T>(what: string, probe: () => Promise<T> | T, withinMs = 60_000): Promise<NonNullable<T>> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await sleep(15);
  }
}
