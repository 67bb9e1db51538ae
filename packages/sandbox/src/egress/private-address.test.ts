import { networkInterfaces } from 'node:os';
import { expect, test } from 'vitest';
import { isPrivate } from './private-address.ts';

test.each([
  ...['127.0.0.1', '127.9.9.9', '10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.1.1', '169.254.169.254', '100.64.0.1', '0.0.0.0'],
  ...['224.0.0.1', '255.255.255.255', '::1', '::', 'fe80::1', 'fe80::1%eth0', 'fc00::1', 'fd12::1', 'ff02::1', '64:ff9b::a00:1'],
  ...[
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '0:0:0:0:0:ffff:10.0.0.1',
    '::FFFF:a9fe:a9fe',
    'not an address',
    '2002:7f00:1::',
    '64:ff9b::192.168.1.1',
    '64:ff9b:0:0:0:0:a9fe:a9fe',
    '64:FF9B::7f00:1',
    '64:ff9b::1',
    '64:ff9b::',
    '64:ff9b:1::5db8:d822',
    '::127.0.0.1',
    '::a00:1',
    '::ffff:0:10.0.0.1',
  ],
])('%s is private', (address) => expect(isPrivate(address)).toBe(true));

test.each(['1.1.1.1', '172.32.0.1', '93.184.216.34', '2606:4700::1111', '::ffff:1.1.1.1', '64:ff9b::5db8:d822', '64:ff9b::1.1.1.1'])(
  '%s is public',
  (address) => expect(isPrivate(address)).toBe(false),
);

test('every address of this host is private, whatever range it is of', () => {
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses?.map(({ address }) => address) ?? []);
  expect(own.length).toBeGreaterThan(0);
  expect(own.filter((address) => !isPrivate(address))).toEqual([]);
});
