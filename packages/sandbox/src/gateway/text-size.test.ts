import fc from 'fast-check';
import { expect, test } from 'vitest';
import { longestWritten } from './text-size.ts';

test.each([
  ['plain text', 'hello', 5],
  ['letters of several bytes', 'é漢😀', 2 + 3 + 4],
  ['Korean, which is taken apart and put together again', '한국어', 9],
  ['a letter that stands for eighteen', '\uFDFA', 33],
  ['half a letter', '\uD83D', 3],
])('%s', (_name, text, size) => {
  expect(longestWritten(text)).toBe(size);
});

test('no text is longer, as it is or written out', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 0x10_ff_ff })), (letters) => {
      const text = String.fromCodePoint(...letters);
      const size = longestWritten(text);
      expect(size).toBeGreaterThanOrEqual(Buffer.byteLength(text));
      expect(size).toBeGreaterThanOrEqual(Buffer.byteLength(text.normalize('NFKC')));
    }),
  );
});

test('accents without end on one letter are counted as quickly as anything else', () => {
  const accents = '\u0300\u0323'.repeat(250_000);
  expect(longestWritten(`a${accents}`)).toBe(1 + 1_000_000);
});
