const firstMs = 1_000;
const capMs = 300_000;
const leastMs = 100;

/** How long an entity that failed `failures` times in a row waits: exponential up to five minutes, full jitter by `random` in [0, 1). */
export function backoffMs(failures: number, random: number): number {
  const most = Math.min(capMs, firstMs * 2 ** Math.min(failures - 1, 20));
  return Math.round(leastMs + random * (most - leastMs));
}
