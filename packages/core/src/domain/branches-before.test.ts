import { expect, test } from 'vitest';
import { keepBranches, madeByRun } from './branches-before.ts';

const before = keepBranches(['main', 'ada/fix', 'release/1.2']) ?? '';

test.each([
  ['the one it was told to push', 'cyrus/eng-1-a1', true],
  ['one that nobody had made', 'sky/own', true],
  ['one that was there', 'ada/fix', false],
  ['the last one that was there', 'release/1.2', false],
  ['one whose name only begins alike', 'ada/fix-2', true],
])('a run made %s: %s', (_what, branch, made) => {
  expect(madeByRun({ pushBranch: 'cyrus/eng-1-a1', branchesBefore: before }, branch)).toBe(made);
});

test('where nobody knows what was there, only the one it was told to push is its own', () => {
  const many = keepBranches(Array.from({ length: 10_001 }, (_, n) => `b${n}`));
  expect(many).toBeUndefined();
  const told = { pushBranch: 'cyrus/eng-1-a1' };
  expect([madeByRun(told, 'cyrus/eng-1-a1'), madeByRun(told, 'sky/own')]).toEqual([true, false]);
});

test('of a repository without branches all are its own', () => {
  expect(madeByRun({ pushBranch: 'p', branchesBefore: keepBranches([]) ?? 'none' }, 'sky/own')).toBe(true);
});
