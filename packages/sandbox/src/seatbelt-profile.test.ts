import { expect, test } from 'vitest';
import { seatbeltProfile } from './seatbelt-profile.ts';

const lines = (given: Partial<Parameters<typeof seatbeltProfile>[0]> = {}): readonly string[] =>
  seatbeltProfile({ readable: [], writable: [], network: [], ...given }).split('\n');

test('what is not named is refused, files, network and services alike', () => {
  expect(lines().slice(0, 2)).toEqual(['(version 1)', '(deny default)']);
  const text = lines().join('\n');
  expect(text).not.toMatch(/network|\/Users|\/private\/tmp|\/private\/etc"|file-write\*|\(allow default\)/);
});

test('an inner path comes after an outer one, and a readable one is closed to writing again', () => {
  const found = lines({ readable: ['/w/kept', '/r'], writable: ['/w'] }).filter((line) => /"\/(?:w|r)/.test(line));
  expect(found).toEqual([
    '(allow file-read* (subpath "/r"))',
    '(deny file-write* (subpath "/r"))',
    '(allow file-read* file-write* (subpath "/w"))',
    '(allow file-read* (subpath "/w/kept"))',
    '(deny file-write* (subpath "/w/kept"))',
  ]);
});

test('a closed network is its doors', () => {
  expect(lines({ network: [4000, 4001] }).filter((line) => line.includes('network'))).toEqual([
    '(allow network-outbound (remote ip "localhost:4000"))',
    '(allow network-outbound (remote ip "localhost:4001"))',
  ]);
  expect(lines({ network: 'open' }).join('\n')).toContain('(allow network*)');
});

test('a path cannot end its own quotes', () => {
  expect(lines({ writable: ['/a"b\\c'] }).join('\n')).toContain('(subpath "/a\\"b\\\\c")');
  expect(() => lines({ writable: ['/a\nb'] })).toThrow('profile');
});
