import { seeded } from '../soak/random.ts';

/**
 * Milliseconds from the call that creates a cloud sandbox to the end of its first command, at every twentieth of 5,147 recorded starts: 13
 * providers, May 4 and 5, 2026, one at a time and a hundred at once. From github.com/computesdk/benchmarks (commit 0a010e0), MIT licence,
 * copyright (c) 2026 ComputeSDK. Starts that failed (1 %) are not among them.
 */
const recorded: readonly number[] = [
  37, 174, 302, 388, 448, 518, 581, 664, 794, 1042, 1350, 1564, 1693, 1807, 1996, 2207, 2427, 2819, 5572, 13_507, 33_790,
];

/**
 * Milliseconds that `count` starts take, in no order: one from each `count`-th part of what was recorded, so that few of them stand for all.
 * The same ones for the same seed.
 */
export function startTimes(count: number, seed: number): readonly number[] {
  const random = seeded(seed);
  const times = Array.from({ length: count }, (_, part) => at((part + random.next()) / count));
  return random.shuffle(times);
}

/** The time that `share` (0 up to, not including, 1) of the starts did not exceed. */
function at(share: number): number {
  const place = share * (recorded.length - 1);
  const below = Math.floor(place);
  const [low = 0, high = low] = recorded.slice(below, below + 2);
  return Math.round(low + (high - low) * (place - below));
}
