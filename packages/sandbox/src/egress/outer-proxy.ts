import { BlockList, connect, isIP, isIPv4, type Socket } from 'node:net';
import { connect as connectSecurely } from 'node:tls';
import type { Destination } from './allow-list.ts';

/** A proxy between this host and the internet. What it is asked by may hold a password: it is never shown. */
export interface OuterProxy {
  readonly host: string;
  readonly port: number;
  /** It is spoken to by TLS. */
  readonly secure: boolean;
  /** Of `Proxy-Authorization`. */
  readonly authorization: string | undefined;
}

/** Which proxy leads to a destination. Undefined: none is needed. `secure`: by TLS. */
export type OuterProxies = (destination: Destination & { readonly secure: boolean }) => OuterProxy | undefined;

/**
 * By `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` (both spellings), as git and curl read them: `NO_PROXY` names hosts with all below them, addresses,
 * ranges (`10.0.0.0/8`) and `*`, each with or without `:port`. What is on this host itself needs no proxy. Proxies other than http:// and https://
 * are not known: there is none then.
 */
export function outerProxies(environment: Readonly<Record<string, string | undefined>>): OuterProxies {
  const of = (name: string): string => environment[name.toLowerCase()] || environment[name] || '';
  const secure = proxyOf(of('HTTPS_PROXY'));
  const plain = proxyOf(of('HTTP_PROXY'));
  const without = of('NO_PROXY')
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .map(exception);
  return (destination) => {
    const host = destination.host.toLowerCase().replace(/^\[|\]$|\.$/g, '');
    if (host === 'localhost' || host.endsWith('.localhost') || isLoopback(host)) return undefined;
    if (without.some((matches) => matches(host, destination.port))) return undefined;
    return destination.secure ? secure : plain;
  };
}

function proxyOf(text: string): OuterProxy | undefined {
  const address = text.includes('://') ? text : `http://${text}`;
  if (text === '' || !URL.canParse(address)) return undefined;
  const { protocol, hostname, port, username, password } = new URL(address);
  if (protocol !== 'http:' && protocol !== 'https:') return undefined;
  const secure = protocol === 'https:';
  const login = username === '' ? undefined : `${decoded(username)}:${decoded(password)}`;
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port) || (secure ? 443 : 80),
    secure,
    authorization: login === undefined ? undefined : `Basic ${Buffer.from(login).toString('base64')}`,
  };
}

/** A name or password as it is meant: one with a percent sign of its own is taken as it stands. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function exception(entry: string): (host: string, port: number) => boolean {
  const [, address, bits] = /^([0-9a-f:.]+)\/(\d{1,3})$/i.exec(entry) ?? [];
  if (address !== undefined && isIP(address) !== 0) {
    const range = new BlockList();
    const family = isIPv4(address) ? 'ipv4' : 'ipv6';
    if (Number(bits) > (family === 'ipv4' ? 32 : 128)) return () => false;
    range.addSubnet(address, Number(bits), family);
    return (host) => isIP(host) !== 0 && range.check(host, isIPv4(host) ? 'ipv4' : 'ipv6');
  }
  const bare = isIP(entry) === 6;
  const [, named = entry, only] = bare ? [] : (/^(.*?)(?::(\d{1,5}))?$/.exec(entry) ?? []);
  const name = named
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/^\*?\./, '');
  return (host, port) =>
    (only === undefined || Number(only) === port) && (name === '*' || host === name || (isIP(host) === 0 && host.endsWith(`.${name}`)));
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');
const isLoopback = (host: string): boolean => isIP(host) !== 0 && loopback.check(host, isIPv4(host) ? 'ipv4' : 'ipv6');

const longestHead = 16_384;

/**
 * A connection to a destination by way of a proxy.
 * @throws with `syscall: 'connect'`: nothing has reached the destination. `code` is `PROXY_407`, where it has answered so, or says why it has not.
 */
export function tunnelThrough(proxy: OuterProxy, { host, port }: Destination, withinMs: number): Promise<Socket> {
  const to = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
  return new Promise((resolve, reject) => {
    const place = { host: proxy.host, port: proxy.port };
    const socket = proxy.secure
      ? connectSecurely({ ...place, ...(isIP(proxy.host) === 0 ? { servername: proxy.host } : {}) })
      : connect(place);
    const fail = (code: string): void => {
      reject(Object.assign(new Error(`No way through the proxy of this host: ${code}`), { code, syscall: 'connect' }));
      socket.destroy();
    };
    const onError = (error: NodeJS.ErrnoException): void => fail(error.code ?? 'PROXY_FAILED');
    const onClose = (): void => fail('PROXY_CLOSED');
    let head = Buffer.alloc(0);
    // Read by hand: what comes after the head, and the flow, are for whoever gets the connection.
    const onReadable = (): void => {
      for (let chunk: Buffer | null = socket.read(); chunk !== null; chunk = socket.read()) {
        head = Buffer.concat([head, chunk]);
        const end = head.indexOf('\r\n\r\n');
        if (end < 0 && head.length > longestHead) return fail('PROXY_FAILED');
        if (end < 0) continue;
        const status = /^HTTP\/1\.[01] (\d{3})/.exec(head.toString('latin1', 0, 32))?.[1] ?? 'FAILED';
        if (!status.startsWith('2')) return fail(`PROXY_${status}`);
        socket.off('readable', onReadable).off('error', onError).off('close', onClose).setTimeout(0);
        if (head.length > end + 4) socket.unshift(head.subarray(end + 4));
        return resolve(socket);
      }
    };
    socket.on('readable', onReadable).once('error', onError).once('close', onClose);
    socket.setTimeout(withinMs, () => fail('PROXY_TIMEOUT'));
    const authorization = proxy.authorization === undefined ? '' : `Proxy-Authorization: ${proxy.authorization}\r\n`;
    socket.setNoDelay(true).write(`CONNECT ${to} HTTP/1.1\r\nHost: ${to}\r\n${authorization}\r\n`);
  });
}
