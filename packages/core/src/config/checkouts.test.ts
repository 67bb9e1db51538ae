import { expect, test } from 'vitest';
import { checkouts, sparse } from './checkouts.ts';

test('everything has a default', () => {
  expect(checkouts.parse({})).toEqual({
    pool: 1,
    poolIdleDays: 7,
    saveEveryMs: 180_000,
    fetchTimeoutMs: 7_200_000,
    keepWipDays: 14,
    keepUnpushedDays: 90,
    keepUnusedDays: 30,
    keepConversationDays: 30,
  });
  expect(checkouts.safeParse({ saveEveryMs: 0, pool: 0 }).success).toBe(true);
});

test.each(['packages/app', 'src', 'a.b/c d', '.github', 'später/x'])('%j is a directory', (name) => {
  expect(sparse.safeParse([name]).success).toBe(true);
});

test.each(['/abs', 'a/', 'a//b', '../x', 'a/../b', '.', './a', 'a*', '!a', '#a', 'a\nb', '-x'])('%j is none', (name) => {
  expect(sparse.safeParse([name]).success).toBe(false);
});
