import { expect, test } from 'vitest';
import { stateOf } from './status.ts';

test.each([
  ['PENDING', 'queued'],
  ['ACTIVE', 'running'],
  ['RUNNING', 'running'],
  ['EVALUATION', 'running'],
  ['PAUSED', 'needs_input'],
  ['COMPLETE', 'succeeded'],
  ['complete', 'succeeded'],
  ['ERROR', 'failed'],
  ['FAILED', 'failed'],
  ['MAX_ITERATIONS_REACHED', 'failed'],
  ['OUT_OF_TOKENS', 'failed'],
  ['CANCELLED', 'cancelled'],
  ['STOPPED', 'cancelled'],
  ['TIMEOUT', 'expired'],
  // Words that sound like an end, and none that are known.
  ['COMPLETED', 'unknown'],
  ['STOPPING', 'unknown'],
  ['toString', 'unknown'],
  ['', 'unknown'],
  [null, 'unknown'],
  [undefined, 'unknown'],
])('%s is %s', (word, state) => {
  expect(stateOf(word)).toBe(state);
});
