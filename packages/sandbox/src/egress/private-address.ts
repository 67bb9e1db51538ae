import { BlockList, isIP, isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';

/** Addresses that are not of the public internet: of the host, its network, or nobody's. */
const ranges: readonly (readonly [address: string, prefix: number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  ['::', 96],
  ['::ffff:0:0:0', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 32],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
];

const reserved = new BlockList();
for (const [address, prefix] of ranges) reserved.addSubnet(address, prefix, isIPv4(address) ? 'ipv4' : 'ipv6');

/** Whether an address leads to this host, to its own network, or nowhere. What is no address counts as one that does. */
export function isPrivate(address: string): boolean {
  const plain = translated(withoutMapping(address));
  const version = isIP(plain);
  if (version === 0) return true;
  if (reserved.check(plain, version === 4 ? 'ipv4' : 'ipv6')) return true;
  return Object.values(networkInterfaces()).some((addresses) => addresses?.some((own) => own.address.split('%')[0] === plain));
}

/** Addresses of a network's translator (NAT64), which leads on to the IPv4 address in their last 32 bits. */
const translator = new BlockList();
translator.addSubnet('64:ff9b::', 96, 'ipv6');

/** What a translator leads to, as an IPv4 address; any other address as it is. */
function translated(address: string): string {
  if (isIP(address) !== 6 || !translator.check(address, 'ipv6')) return address;
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const parts = canonical.slice('64:ff9b::'.length).split(':');
  const [low = 0, high = 0] = parts.reverse().map((part) => Number.parseInt(part || '0', 16));
  return dotted(high, low);
}

const dotted = (high: number, low: number): string => [high >> 8, high & 255, low >> 8, low & 255].join('.');

/** `::ffff:127.0.0.1`, in either spelling, is 127.0.0.1. */
export function withoutMapping(address: string): string {
  const plain = address.split('%')[0] ?? '';
  const mapped = /^(?:0*:)*:?ffff:([0-9.]+|[0-9a-f]{1,4}:[0-9a-f]{1,4})$/i.exec(plain)?.[1];
  if (mapped === undefined) return plain;
  if (isIPv4(mapped)) return mapped;
  const [high = 0, low = 0] = mapped.split(':').map((part) => Number.parseInt(part, 16));
  return dotted(high, low);
}
