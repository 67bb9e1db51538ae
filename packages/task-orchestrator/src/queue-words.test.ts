import { describe, expect, test } from 'vitest';
import { queuedWords, type TellWaiting, tellWaiting, toldAnew } from './queue-words.ts';

test('a place in the queue is said shortly', () => {
  expect([queuedWords(0, 'one runs', 1), queuedWords(3, 'one runs', 2)]).toEqual([
    'Queued: next; one runs.',
    'Queued for attempt 2: 3 ahead; one runs.',
  ]);
});

describe('why a task waits', () => {
  const told = (ahead: number | null, key = 'slots') => ({ key, ahead, at: 0 });
  test.each<[string, Parameters<typeof tellWaiting>, TellWaiting]>([
    ['is told first', [null, told(3), 0], { tell: true }],
    ['is told when it is another', [told(null, 'day-budget'), told(3), 1], { tell: true }],
    ['is told once', [told(null, 'draining'), told(null, 'draining'), 1e9], { tell: false, at: null }],
    ['is told when it is nearer', [told(3), told(2), 60_000], { tell: true }],
    ['is not told more than once a minute', [told(3), told(0), 59_999], { tell: false, at: 60_000 }],
    ['is not told when it is hardly nearer', [told(300), told(260), 1e9], { tell: false, at: null }],
    ['is told when it is half as far', [told(300), told(150), 1e9], { tell: true }],
    ['is told again to who has written', [told(null, toldAnew), told(null, 'day-budget'), 1], { tell: true }],
    [
      'is not told again to who has written where it is a place in the queue',
      [told(null, toldAnew), told(0), 1],
      { tell: false, at: 60_000 },
    ],
    ['is told to them a minute later', [told(null, toldAnew), told(0), 60_000], { tell: true }],
    ['is told although the clock was set back', [{ ...told(3), at: 1e9 }, told(2), 0], { tell: true }],
  ])('%s', (_name, given, expected) => expect(tellWaiting(...given)).toEqual(expected));
});
