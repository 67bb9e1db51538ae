/** The value that `share` (0 to 1) of the samples do not exceed: the nearest rank, never an invented value between two. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  if (value === undefined) throw new Error('there are no samples');
  return value;
}

export const median = (samples: readonly number[]): number => percentile(samples, 0.5);
