import { availableParallelism, totalmem } from 'node:os';
import type { Config } from 'cyrus-core/config/schema';
import { memoryPerAttemptMb } from './advance/dispatch-state.ts';

export interface Capacity {
  readonly slots: number;
  readonly memoryMb: number;
}

/** How many agents this machine takes: as configured, else two a core within half of its memory. */
export function capacityOf(config: Pick<Config, 'limits'>): Capacity {
  const memoryMb = Math.floor(totalmem() / 1024 / 1024 / 2);
  const slots =
    config.limits.maxParallelAgents ?? Math.max(1, Math.min(availableParallelism() * 2, Math.floor(memoryMb / memoryPerAttemptMb)));
  return { slots, memoryMb: Math.max(memoryMb, slots * memoryPerAttemptMb) };
}
