import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseInstant, toTimestamp } from './value-types.ts';

test.each([
  ['1970-01-01 00:00:00+00', 0],
  ['2026-11-21 09:15:00.5+00', Date.parse('2026-11-21T09:15:00.500Z')],
  ['2026-11-21 09:15:00.123999+00', Date.parse('2026-11-21T09:15:00.123Z')],
  ['2026-11-21 14:45:00+05:30', Date.parse('2026-11-21T09:15:00Z')],
  ['1880-01-01 00:00:00-00:25:21', Date.UTC(1880, 0, 1, 0, 25, 21)],
  ['infinity', Number.POSITIVE_INFINITY],
  ['-infinity', Number.NEGATIVE_INFINITY],
])('%s', (text, instant) => {
  expect(parseInstant(text)).toBe(instant);
});

test('what this program cannot hold is refused', () => {
  expect(() => parseInstant('0044-03-15 00:00:00+00 BC')).toThrow(RangeError);
  expect(() => parseInstant('yesterday')).toThrow(RangeError);
});

test('a parameter says the instant exactly', () => {
  fc.assert(
    fc.property(fc.integer({ min: -1e12, max: 4e12 }), (instant) => {
      const text = toTimestamp(instant);
      return parseInstant(text.replace('T', ' ').replace('Z', '+00')) === instant;
    }),
  );
  expect(toTimestamp(Number.POSITIVE_INFINITY)).toBe('infinity');
});
