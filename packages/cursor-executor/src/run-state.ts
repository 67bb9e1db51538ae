import type { RunState } from 'cyrus-executor-interface/executor';
import type { Run } from './wire.ts';

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

/** Where the work of a run is, as far as it is known. */
export function workOf(run: Run): { readonly branch?: string; readonly pullRequestUrl?: string } {
  const work = run.git?.branches.find(({ branch }) => branch !== undefined);
  return {
    ...(work?.branch === undefined ? {} : { branch: work.branch }),
    ...(work?.prUrl === undefined ? {} : { pullRequestUrl: work.prUrl }),
  };
}
