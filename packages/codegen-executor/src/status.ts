import type { RunState } from 'cyrus-executor-interface/executor';

/**
 * What the service's words mean. The description leaves them open; these are those its own programs know.
 * Ends are listed one by one: a word that is not here is no end.
 */
const meanings: Readonly<Record<string, RunState>> = {
  PENDING: 'queued',
  ACTIVE: 'running',
  RUNNING: 'running',
  EVALUATION: 'running',
  PAUSED: 'needs_input',
  COMPLETE: 'succeeded',
  ERROR: 'failed',
  FAILED: 'failed',
  MAX_ITERATIONS_REACHED: 'failed',
  OUT_OF_TOKENS: 'failed',
  CANCELLED: 'cancelled',
  STOPPED: 'cancelled',
  TIMEOUT: 'expired',
};

/** What a run's status means; no status and words nobody knows are `unknown`. */
export function stateOf(status: string | null | undefined): RunState {
  const word = (status ?? '').toUpperCase();
  return Object.hasOwn(meanings, word) ? (meanings[word] ?? 'unknown') : 'unknown';
}
