import type { Clock, Instant } from 'cyrus-core/clock';
import type { Supervisor } from '../supervisor/supervisor.ts';

/** An agent needs the cores when it starts; later it waits for its model most of the time. */
const startMs = 10_000;

/** Whether somebody waits for this machine: an agent starts, or anything else than an agent runs. Sees what it is asked about often. */
export function createBusy(supervisor: Pick<Supervisor, 'running'>, clock: Clock): () => boolean {
  let seen = new Map<string, Instant>();
  return () => {
    const now = clock.now();
    const running = supervisor.running();
    seen = new Map(running.map(({ jobId }) => [jobId, seen.get(jobId) ?? now]));
    return running.some(({ jobId, kind }) => kind !== 'agent' || now - (seen.get(jobId) ?? now) < startMs);
  };
}
