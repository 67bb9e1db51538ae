import { describe, expect, test } from 'vitest';
import { allowList, hostPorts } from './allow-list.ts';

describe('what a list allows', () => {
  test.each<[entry: string, host: string, port: number, allowed: boolean]>([
    ['example.com', 'example.com', 443, true],
    ['example.com', 'EXAMPLE.com.', 80, true],
    ['example.com', 'example.com', 22, false],
    ['example.com', 'www.example.com', 443, false],
    ['example.com', 'notexample.com', 443, false],
    ['example.com', 'example.com.evil.org', 443, false],
    ['*.example.com', 'www.example.com', 443, true],
    ['*.example.com', 'a.b.example.com', 443, true],
    ['*.example.com', 'example.com', 443, false],
    ['*.example.com', 'notexample.com', 443, false],
    ['*.0.0.1', '127.0.0.1', 443, false],
    ['example.com:22', 'example.com', 22, true],
    ['example.com:22', 'example.com', 443, false],
    ['*.example.com:8443', 'a.example.com', 8443, true],
    ['10.0.0.7:5000', '10.0.0.7', 5000, true],
    ['10.0.0.7:5000', '::ffff:10.0.0.7', 5000, true],
    ['[fd00::1]:5000', 'fd00::1', 5000, true],
    ['fd00::1', 'fd00::1', 443, true],
    ['*', 'example.com', 443, false],
    ['https://example.com', 'example.com', 443, false],
    ['', '', 443, false],
  ])('%j: %s:%i → %s', (entry, host, port, allowed) => expect(allowList([entry]).allows({ host, port })).toBe(allowed));

  test('an address counts as listed when it stands there itself, not when a name leads to it', () => {
    const list = allowList(['registry.corp', '10.0.0.7']);
    expect(list.allowsAddress({ host: '10.0.0.7', port: 443 })).toBe(true);
    expect(list.allowsAddress({ host: '10.0.0.8', port: 443 })).toBe(false);
    expect(list.allowsAddress({ host: 'registry.corp', port: 443 })).toBe(false);
  });
});

test('ports of the host itself are found', () => {
  expect(hostPorts(['localhost:5432', '127.0.0.1:6379', '[::1]:5432', 'localhost', 'example.com:99', '*.localhost:1'])).toEqual([
    5432, 6379,
  ]);
});
