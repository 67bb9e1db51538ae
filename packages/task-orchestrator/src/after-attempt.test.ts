import type { Attempt } from 'cyrus-core/domain/plan';
import type { Failure } from 'cyrus-core/failure';
import { describe, expect, test } from 'vitest';
import { type AfterAttemptState, afterAttempt } from './after-attempt.ts';

const killed: Failure = { class: 'sandbox_lost', message: 'The agent was killed.' };
const attempt = (number: number, over: Partial<Attempt>): Attempt => ({
  id: `a${number}`,
  taskId: 't',
  planId: 'p',
  number,
  state: 'failed',
  executorId: 'claude',
  conversationId: 'c',
  messageN: 1,
  steeredN: 0,
  deliveredN: 1,
  checkout: null,
  headSha: null,
  evidence: null,
  output: null,
  failure: null,
  interruption: null,
  startedAt: 0,
  progressAt: null,
  createdAt: 0,
  ...over,
});
function after(ends: readonly Partial<Attempt>[]): ReturnType<typeof afterAttempt> {
  const attempts = ends.map((end, index) => attempt(index + 1, end));
  const last = attempts.at(-1) ?? attempt(1, {});
  const state: AfterAttemptState = {
    procedure: 'builder',
    followUp: false,
    attempts,
    attempt: last,
    finished: {
      attemptId: last.id,
      number: last.number,
      state: last.state,
      deliveredN: 1,
      failure: last.failure,
    } as AfterAttemptState['finished'],
    undelivered: 0,
    unpublished: false,
    maxAttempts: 3,
    random: () => 0.5,
  };
  return afterAttempt(state, 0);
}
const times = (count: number, end: Partial<Attempt>): Partial<Attempt>[] => Array.from({ length: count }, () => end);

describe('work that is cut off', () => {
  test.each<[string, readonly Partial<Attempt>[], string]>([
    ['by a crash goes on', times(20, { state: 'lost' }), 'again'],
    ['by a kill of its agent goes on', times(20, { failure: killed }), 'again'],
    ['by one or the other again and again is given up', [...times(10, { state: 'lost' }), ...times(11, { failure: killed })], 'fail'],
    ['by kills of its agent without end is given up', times(21, { failure: killed }), 'fail'],
    [
      'often, and then done, is verified',
      [
        ...times(30, { state: 'lost' }),
        { state: 'succeeded', evidence: { commits: [{ sha: 's', subject: 's' }], files: [], insertions: 0, deletions: 0 } },
      ],
      'verify',
    ],
  ])('%s', (_name, ends, expected) => expect(after(ends).do).toBe(expected));
});
