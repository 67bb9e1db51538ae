import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cleanJson, cleanLine, cleanText } from './clean.ts';

test.each([
  ['NUL goes', 'a\u0000b', 'ab'],
  ['escape sequences of terminals lose their escape', '\u001b[31mred\u009b0m', '[31mred0m'],
  ['a lone surrogate becomes the replacement character', 'a\ud83dz', 'a\ufffdz'],
  ['line ends become one kind', 'a\r\nb\rc', 'a\nb\nc'],
  ['tabs and line feeds stay', '\ta\n', '\ta\n'],
  ['emoji of several code points stay', '👩‍👩‍👧 🇺🇦', '👩‍👩‍👧 🇺🇦'],
  ['right-to-left text and its marks stay', 'שלום\u200f \u202eabc\u202c', 'שלום\u200f \u202eabc\u202c'],
  ['shell syntax is text', '$(rm -rf /); `x` && "y"', '$(rm -rf /); `x` && "y"'],
])('%s', (_name, text, expected) => {
  expect(cleanText(text)).toBe(expected);
});

test('any text comes out as text that Postgres and UTF-8 take, and stays the same the second time', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 0xffff })), (codes) => {
      const clean = cleanText(String.fromCharCode(...codes));
      return !clean.includes('\u0000') && clean.isWellFormed() && cleanText(clean) === clean;
    }),
  );
});

test('a line is one line, and is cut between characters', () => {
  expect(cleanLine(' a\n\n b\tc ', 20)).toBe('a b c');
  expect(cleanLine('abc😀😀', 5)).toBe('abc…');
  expect(cleanLine('x'.repeat(1_000_000), 300)).toHaveLength(300);
});

test('JSON is cleaned at every depth, keys too', () => {
  expect(cleanJson({ 'a\u0000': ['\u0000b', { c: 1, d: null, e: 'ok' }] })).toEqual({ a: ['b', { c: 1, d: null, e: 'ok' }] });
});
