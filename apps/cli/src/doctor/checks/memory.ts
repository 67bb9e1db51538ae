import { totalmem } from 'node:os';
import { constrainedMemory } from 'node:process';
import { memoryPerAttemptMb } from 'cyrus-edge-worker/advance/dispatch-state';
import { capacityOf } from 'cyrus-edge-worker/capacity';
import type { Check, ConfiguredPatient } from '../check.ts';
import { type Finding, ok, warning } from '../finding.ts';

/** The service, the database and the system beside the agents. */
const besideMb = 500;

/** Whether as many agents as are allowed fit into the memory. */
export function judgeMemory({ slots, totalMb }: { readonly slots: number; readonly totalMb: number }): Finding {
  const neededMb = slots * memoryPerAttemptMb + besideMb;
  if (neededMb <= totalMb) return ok('memory', `${totalMb} MB for up to ${slots} agents`);
  const fitting = Math.max(1, Math.floor((totalMb - besideMb) / memoryPerAttemptMb));
  return warning('memory', `${totalMb} MB for up to ${slots} agents, which may take ${neededMb} MB`, {
    why: 'Short of memory the kernel kills agents in the middle of their work.',
    fix: `Set limits.maxParallelAgents to ${fitting}, or give this machine more memory.`,
  });
}

/** What this process may use: a container's limit where there is one. */
function totalMemoryMb(): number {
  const limit = constrainedMemory() ?? 0;
  return Math.floor((limit > 0 ? Math.min(limit, totalmem()) : totalmem()) / 1024 / 1024);
}

export const memoryCheck: Check<ConfiguredPatient> = {
  name: 'memory',
  run: ({ config }) => [judgeMemory({ slots: capacityOf(config).slots, totalMb: totalMemoryMb() })],
};
