import { expect, test } from 'vitest';
import { statusAfter } from './status.ts';

test.each([
  ['thought', null, 'pending', 'active'],
  ['action', null, 'stale', 'active'],
  ['thought', null, 'complete', 'active'],
  ['action', null, 'stopping', 'stopping'],
  ['elicitation', null, 'active', 'awaitingInput'],
  ['response', null, 'active', 'complete'],
  ['response', 'continue', 'active', 'active'],
  ['response', null, 'stopping', 'complete'],
  ['error', null, 'active', 'error'],
  ['prompt', null, 'active', 'active'],
  ['prompt', null, 'complete', 'pending'],
  ['prompt', null, 'awaitingInput', 'pending'],
  ['prompt', 'stop', 'active', 'stopping'],
  ['prompt', 'stop', 'complete', 'complete'],
] as const)('a %s (signal %s) in a session that is %s makes it %s', (type, signal, before, after) => {
  expect(statusAfter({ type, signal }, before, true)).toBe(after);
});

test('without the status stopping, a stop changes nothing until the agent answers', () => {
  expect(statusAfter({ type: 'prompt', signal: 'stop' }, 'active', false)).toBe('active');
});
