import { expect, test } from 'vitest';
import { compare } from './compare.ts';

const noon = '2026-01-01T12:00:00.000Z';

test.each<[unknown, Record<string, unknown>, boolean]>([
  ['Bug', { eq: 'Bug' }, true],
  ['Bug', { neq: 'Bug' }, false],
  ['Bug', { in: ['Bug', 'Feature'] }, true],
  ['Bug', { nin: ['Bug'] }, false],
  ['Bug', { eqIgnoreCase: 'bUG' }, true],
  ['Bugs', { contains: 'ug', notContains: 'x' }, true],
  ['Bugs', { startsWith: 'Bu', endsWith: 'x' }, false],
  [null, { null: true }, true],
  [3, { gt: 2, lte: 3 }, true],
  [noon, { gte: '2026-01-01T12:00:00Z' }, true],
  [noon, { lt: '2026-01-01T14:00:00+02:00' }, false],
  [noon, { gt: '2025-12-31' }, true],
])('%j against %j is %s', (value, comparator, expected) => {
  expect(compare(value, comparator)).toBe(expected);
});

test('what is not imitated fails loudly', () => {
  expect(() => compare(noon, { gt: '-P1D' })).toThrow(/does not model durations/);
  expect(() => compare('x', { containsIgnoreCaseAndAccent: 'x' })).toThrow(/does not model the comparison/);
});
