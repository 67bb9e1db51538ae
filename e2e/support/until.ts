import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Asks again and again until there is a value other than `undefined`, `null` and `false`.
 * @throws Error that says what was waited for, and with `explain` how things stood, after `withinMs` (default 60 s)
 */
export async function until<T>(
  what: string,
  ask: () => T | Promise<T>,
  options: { readonly withinMs?: number; readonly explain?: () => string | Promise<string> } = {},
): Promise<NonNullable<Exclude<T, false>>> {
  const { withinMs = 60_000, explain } = options;
  const deadline = performance.now() + withinMs;
  for (;;) {
    const value = await ask();
    if (value !== undefined && value !== null && value !== false) return value as NonNullable<Exclude<T, false>>;
    if (performance.now() > deadline) throw new Error(`waited ${withinMs} ms for ${what}${explain ? `\n${await explain()}` : ''}`);
    await sleep(30);
  }
}
