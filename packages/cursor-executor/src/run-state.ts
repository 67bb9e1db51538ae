import type { RunState } from 'cyrus-executor-interface/executor';

const states: Readonly<Record<string, RunState>> = {
  CREATING: 'queued',
  RUNNING: 'running',
  FINISHED: 'succeeded',
  ERROR: 'failed',
  CANCELLED: 'cancelled',
  EXPIRED: 'expired',
};

/** A run's status in our words; one nobody knows is `unknown`, and no end. */
export const runState = (status: string): RunState => states[status.toUpperCase()] ?? 'unknown';

/** The states a run ends in, listed; undefined while it has not ended. */
export function endState(status: string): 'succeeded' | 'failed' | 'cancelled' | 'expired' | undefined {
  const state = runState(status);
  return state === 'succeeded' || state === 'failed' || state === 'cancelled' || state === 'expired' ? state : undefined;
}
