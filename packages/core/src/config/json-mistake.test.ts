import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findJsonMistake } from './json-mistake.ts';
import { parseConfig } from './parse.ts';

test.each([
  ['{\n  "a": 1,\n}', 3, 1, 'no comma before }'],
  ['{\n  "a": [1, 2,]\n}', 2, 14, 'no comma before ]'],
  ['{ "a": 1 // why\n}', 1, 10, 'no comment: JSON has none'],
  ["{ 'a': 1 }", 1, 3, 'a key in double quotes'],
  ['{ "a": \'x\' }', 1, 8, 'double quotes around a text'],
  ['{ "a": 1\n  "b": 2 }', 2, 3, 'a comma or }'],
  ['{ "a" 1 }', 1, 7, 'a colon after the key'],
  ['{ "a": tru }', 1, 8, 'a value'],
  ['{ "a": 01 }', 1, 8, 'a value'],
  ['{ "a": "C:\\new\\x" }', 1, 15, 'a backslash itself is written'],
  ['{ "a": "b', 1, 10, 'the closing quote'],
  ['{ "a": "b\n" }', 1, 10, 'the closing quote'],
  ['{ "a": 1', 1, 9, 'a comma or }'],
  ['{} {}', 1, 4, 'nothing after the end'],
  ['', 1, 1, 'a value'],
])('%j', (text, line, column, expected) => {
  expect(findJsonMistake(text)).toMatchObject({ line, column, expected: expect.stringContaining(expected) });
});

describe('agrees with the engine', () => {
  const isJson = (text: string): boolean => {
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  };

  test('on everything that is JSON', () => {
    fc.assert(
      fc.property(
        fc.json(),
        fc.nat(3),
        (text, indent) => findJsonMistake(JSON.stringify(JSON.parse(text), undefined, indent)) === undefined,
      ),
    );
  });

  test('on damaged JSON', () => {
    fc.assert(
      fc.property(
        fc.json(),
        fc.nat(),
        fc.constantFrom('', ',', '"', '}', ']', ':', '\\', '0', '.', 'e', '\n', ' '),
        (text, place, character) => {
          const at = place % (text.length + 1);
          const damaged = text.slice(0, at) + character + text.slice(at + 1);
          return (findJsonMistake(damaged) === undefined) === isJson(damaged);
        },
      ),
      { numRuns: 1000 },
    );
  });
});

test('the place is told as line and column of the file', () => {
  const result = parseConfig('{\n  "server": { "port": 1, }\n}', '/home/ada/.cyrus/config.json');
  expect(result).toEqual({
    ok: false,
    error: [
      {
        path: 'line 2, column 26',
        value: '"}"',
        allowed: 'no comma before }',
        fix: '/home/ada/.cyrus/config.json is not valid JSON from here on',
      },
    ],
  });
});

test('deep nesting is refused, not a crash', () => {
  expect(findJsonMistake('['.repeat(100_000))).toMatchObject({ expected: 'fewer nested levels' });
});
