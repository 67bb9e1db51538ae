import { isIP } from 'node:net';
import { withoutMapping } from './private-address.ts';

/** Where a connection is to go. */
export interface Destination {
  readonly host: string;
  readonly port: number;
}

/** Hosts that may be reached: `host`, `*.host`, an address, each with or without `:port`. */
export interface AllowList {
  /** By its name, or by its address where it is asked for so. */
  allows(destination: Destination): boolean;
  /** Whether this very address is listed, which a private one has to be. */
  allowsAddress(destination: Destination): boolean;
}

interface Entry extends Omit<Destination, 'port'> {
  readonly below: boolean;
  readonly port: number | undefined;
}

/** Of an entry without a port. */
const webPorts: readonly number[] = [80, 443];

export function allowList(entries: readonly string[]): AllowList {
  const listed = entries.flatMap((text) => entryOf(text) ?? []);
  const matches = (entry: Entry, host: string, port: number): boolean =>
    (entry.port === undefined ? webPorts.includes(port) : entry.port === port) &&
    (entry.below ? host.endsWith(`.${entry.host}`) : host === entry.host);
  const some = ({ host, port }: Destination): boolean => {
    const asked = normal(host);
    return listed.some((entry) => matches(entry, asked, port) && !(entry.below && isIP(asked) !== 0));
  };
  return { allows: some, allowsAddress: (destination) => isIP(normal(destination.host)) !== 0 && some(destination) };
}

/** Undefined: it is none. */
function entryOf(text: string): Entry | undefined {
  const match = /^(\*\.)?(\[[0-9a-f:.]+\]|[^\s:/[\]*]+|[0-9a-f]*:[0-9a-f:.]+)(?::(\d{1,5}))?$/i.exec(text.trim());
  if (!match?.[2]) return undefined;
  const bare = isIP(text.trim()) === 6;
  const host = normal(bare ? text.trim() : match[2]);
  return { host, below: match[1] !== undefined, port: bare || match[3] === undefined ? undefined : Number(match[3]) };
}

/** As it is compared: lower case, without brackets and the dot of a full name. */
function normal(host: string): string {
  return withoutMapping(
    host
      .toLowerCase()
      .replace(/^\[|\]$/g, '')
      .replace(/\.$/, ''),
  );
}

/** Entries that name a port of this host itself, such as `localhost:5432`: they are reached under the same number, without a proxy. */
export function hostPorts(entries: readonly string[]): readonly number[] {
  const ports = entries.flatMap((text) => {
    const entry = entryOf(text);
    return entry?.port !== undefined && !entry.below && ['localhost', '127.0.0.1', '::1'].includes(entry.host) ? [entry.port] : [];
  });
  return [...new Set(ports)];
}
