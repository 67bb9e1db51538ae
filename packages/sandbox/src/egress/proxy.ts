import { lookup as lookupAny } from 'node:dns/promises';
import {
  createServer,
  type IncomingMessage,
  type RequestOptions,
  request as requestHttp,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import { request as requestHttps } from 'node:https';
import { connect, isIP, isIPv6, type LookupFunction, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { passedOn, statusOf } from '../gateway/upstream.ts';
import { type AllowList, allowList, type Destination } from './allow-list.ts';
import { type OuterProxies, type OuterProxy, tunnelThrough } from './outer-proxy.ts';
import { isPrivate } from './private-address.ts';

export interface EgressOptions {
  /** Hosts, as the configuration writes them. */
  readonly allowed: readonly string[];
  /** The path of its unix socket. */
  readonly socket: string;
  /** A connection was refused: `host:port`, and why. Called once for each. */
  readonly refused: (refusal: Refusal) => void;
  /** Addresses of a name; for tests. */
  readonly lookup?: (host: string) => Promise<readonly string[]>;
  /** Proxies that lead from this host to the internet. Absent: none is needed. */
  readonly outer?: OuterProxies;
}

export interface Refusal {
  readonly host: string;
  readonly port: number;
  /** `unlisted`: not on the list. `private`: its address is one of this host or its network, and not on the list itself. */
  readonly why: 'unlisted' | 'private';
}

export interface EgressProxy {
  close(): Promise<void>;
}

const mostConnections = 256;
const connectWithinMs = 30_000;
/** Of one address, while there are others. */
const tryNextAfterMs = 5_000;
/** Refusals that are told of one proxy; a flood of made-up names says nothing new. */
const mostTold = 50;

/** How a destination is reached: by one of the addresses that were looked at, or by a proxy. */
interface Way {
  readonly addresses: readonly string[];
  readonly proxy: OuterProxy | undefined;
}

/** Why a destination is not reached, for who asked. */
interface Denial {
  readonly status: 403 | 502;
  readonly text: string;
}

/** An HTTP proxy (CONNECT, and plain requests) that leads to the hosts of a list and nowhere else. It resolves names itself. */
export async function openEgressProxy(options: EgressOptions): Promise<EgressProxy> {
  const { allowed, socket, refused, lookup = addressesOf, outer = () => undefined } = options;
  const list = allowList(allowed);
  const told = new Set<string>();
  const open = new Set<Duplex>();

  async function way(destination: Destination & { readonly secure: boolean }): Promise<Way | Denial> {
    if (!list.allows(destination)) return refuse(destination, 'unlisted');
    const { host, port } = destination;
    const proxy = outer(destination);
    let addresses: readonly string[] = [host];
    try {
      if (isIP(host) === 0) addresses = await lookup(host);
    } catch {
      if (!proxy) return { status: 502, text: `${host} is not known to the name service.` };
      // A name that only the proxy knows is for it to look up.
      return { addresses: [], proxy };
    }
    // What was looked at is what is connected to: a name that is looked up twice may lead to two places.
    const good = addresses.filter((address) => mayReach(list, { host: address, port }));
    return good.length > 0 ? { addresses: good, proxy } : refuse(destination, 'private');
  }

  function refuse({ host, port }: Destination, why: Refusal['why']): Denial {
    const name = `${host}:${port}`;
    if (!told.has(name) && told.size < mostTold) {
      told.add(name);
      refused({ host: host.slice(0, 255), port, why });
    }
    return { status: 403, text: `Not allowed: ${name} is not among the hosts that may be reached from here (sandbox.egress).` };
  }

  const server = createServer({ requestTimeout: 0, keepAliveTimeout: 60_000 }, (request, response) => {
    plain(request, response).catch(() => response.destroy());
  });
  server.maxConnections = mostConnections;
  server.on('connection', (incoming: Socket) => {
    open.add(incoming);
    incoming.once('close', () => open.delete(incoming));
  });
  server.on('connect', (request, duplex: Duplex, head: Buffer) => {
    const client = duplex as Socket;
    client.on('error', () => client.destroy());
    tunnel(request, client, head).catch(() => client.destroy());
  });

  async function tunnel(request: IncomingMessage, client: Socket, head: Buffer): Promise<void> {
    const destination = destinationOf(request.url ?? '');
    if (!destination) return say(client, 400, 'host:port is expected.');
    const found = await way({ ...destination, secure: true });
    if ('status' in found) return say(client, found.status, found.text);
    let connected: Socket;
    try {
      connected = await connectBy(found, destination);
    } catch (error) {
      return say(client, 502, unreachable(destination, error));
    }
    if (client.destroyed) return void connected.destroy();
    connected.once('error', () => client.destroy());
    connected.once('close', () => client.destroySoon());
    client.once('close', () => connected.destroy());
    client.write('HTTP/1.1 200 Connection established\r\n\r\n');
    if (head.length > 0) connected.write(head);
    connected.pipe(client);
    client.pipe(connected);
  }

  async function plain(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = URL.canParse(request.url ?? '') ? new URL(request.url ?? '') : undefined;
    if (url?.protocol !== 'http:') return answer(response, 400, 'This is a proxy: a whole http:// address, or CONNECT, is expected.');
    const destination = { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 80) };
    const found = await way({ ...destination, secure: false });
    if ('status' in found) return answer(response, found.status, found.text);
    const { authorization, cookie } = request.headers;
    const own = { ...(authorization ? { authorization } : {}), ...(cookie ? { cookie } : {}) };
    const { proxy } = found;
    const path = `${url.pathname}${url.search}`;
    // No connection is shared: what one run may reach is not for all.
    let by: RequestOptions;
    if (proxy) by = { host: proxy.host, port: proxy.port, path: `http://${url.host}${path}`, agent: false };
    else {
      let connected: Socket;
      try {
        connected = await connectBy(found, destination);
      } catch (error) {
        return answer(response, 502, unreachable(destination, error));
      }
      if (response.destroyed) return void connected.destroy();
      by = { path, createConnection: () => connected };
    }
    const login = proxy?.authorization === undefined ? {} : { 'proxy-authorization': proxy.authorization };
    const sent = (proxy?.secure ? requestHttps : requestHttp)(
      {
        ...by,
        method: request.method ?? 'GET',
        setHost: false,
        headers: { ...passedOn(request.headers), ...own, ...login, host: url.host, ...lengthOf(request) },
      },
      (inner) => {
        const { 'set-cookie': cookies } = inner.headers;
        response.writeHead(statusOf(inner), { ...passedOn(inner.headers), ...(cookies ? { 'set-cookie': cookies } : {}) });
        inner.once('error', () => response.destroy());
        inner.pipe(response);
      },
    );
    sent.setTimeout(connectWithinMs * 10, () => sent.destroy(new Error('timed out')));
    sent.once('error', (error) => {
      if (response.headersSent) response.destroy();
      else answer(response, 502, unreachable(destination, error));
    });
    response.once('close', () => sent.destroy());
    request.pipe(sent);
  }

  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(socket, resolve));
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const connection of open) connection.destroy();
      }),
  };
}

function connectBy({ proxy, addresses }: Way, destination: Destination): Promise<Socket> {
  if (proxy) return tunnelThrough(proxy, destination, connectWithinMs);
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...destination,
      lookup: only(addresses),
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: tryNextAfterMs,
      noDelay: true,
    });
    socket.setTimeout(connectWithinMs, () => socket.destroy(new Error('timed out')));
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject).setTimeout(0);
      resolve(socket);
    });
  });
}

/** A name service that knows these addresses and no others: one is tried after the other. */
const only =
  (addresses: readonly string[]): LookupFunction =>
  (_host, options, callback) => {
    const all = addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }));
    if (options.all) callback(null, all);
    else callback(null, all[0]?.address ?? '', all[0]?.family);
  };

/** Says of a proxy that it stands in the way, and nothing else of it. */
function unreachable({ host }: Destination, error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  const by = code?.startsWith('PROXY_')
    ? `: the proxy of this host says ${code.slice('PROXY_'.length)} (HTTPS_PROXY, NO_PROXY of the service)`
    : '';
  return `${host} cannot be reached${by}.`;
}

/** A public address, or one that is listed itself. */
function mayReach(list: AllowList, destination: Destination): boolean {
  return list.allowsAddress(destination) || !isPrivate(destination.host);
}

const addressesOf = async (host: string): Promise<readonly string[]> =>
  (await lookupAny(host, { all: true, verbatim: false })).map(({ address }) => address);

/** `host:port`, `[::1]:443`. */
function destinationOf(text: string): Destination | undefined {
  // Of names no more than names have: a proxy of this host might read the rest as the end of one, or as a login before another.
  const match = /^(?:\[([0-9a-f:.]+)\]|([\w.-]+)):(\d{1,5})$/i.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host: host.toLowerCase(), port };
}

function lengthOf({ headers }: IncomingMessage): Record<string, string> {
  const length = headers['content-length'];
  if (length !== undefined) return { 'content-length': length };
  return headers['transfer-encoding'] === undefined ? {} : { 'transfer-encoding': 'chunked' };
}

function say(client: Duplex, status: number, text: string): void {
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: text/plain\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n`;
  client.end(`${head}${text}`);
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain', 'content-length': Buffer.byteLength(text), connection: 'close' });
  response.end(text);
}
