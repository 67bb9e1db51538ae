import type { Operation } from './operations.ts';

/** What the published description states for each kind of call. */
const stated: Readonly<Record<NonNullable<Operation['bucket']>, { readonly limit: number; readonly perMs: number }>> = {
  create: { limit: 10, perMs: 60_000 },
  read: { limit: 60, perMs: 30_000 },
  logs: { limit: 60, perMs: 60_000 },
};

/** Counts calls per organisation and kind in sliding windows. */
export interface Limits {
  /** False: too many. */
  take(organisation: string, bucket: Operation['bucket']): boolean;
}

/** @param factor of the stated limits; 0: no limits */
export function createLimits(factor: number, now: () => number): Limits {
  const taken = new Map<string, number[]>();
  return {
    take(organisation, bucket) {
      if (bucket === undefined || factor === 0) return true;
      const { limit, perMs } = stated[bucket];
      const key = `${organisation} ${bucket}`;
      const recent = (taken.get(key) ?? []).filter((at) => at > now() - perMs);
      taken.set(key, recent);
      if (recent.length >= limit * factor) return false;
      recent.push(now());
      return true;
    },
  };
}
