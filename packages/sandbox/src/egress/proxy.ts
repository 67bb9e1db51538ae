import { lookup as lookupAny } from 'node:dns/promises';
import { createServer, type IncomingMessage, request as requestHttp, type ServerResponse } from 'node:http';
import { connect, isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { passedOn } from '../gateway/upstream.ts';
import { type AllowList, allowList, type Destination } from './allow-list.ts';
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
/** Refusals that are told of one proxy; a flood of made-up names says nothing new. */
const mostTold = 50;

/** An HTTP proxy (CONNECT, and plain requests) that leads to the hosts of a list and nowhere else. It resolves names itself. */
export async function openEgressProxy({ allowed, socket, refused, lookup = addressesOf }: EgressOptions): Promise<EgressProxy> {
  const list = allowList(allowed);
  const told = new Set<string>();
  const open = new Set<Duplex>();

  /** The address to connect to; undefined: refused, and told. @throws the resolver's error */
  async function way(destination: Destination): Promise<string | undefined> {
    if (!list.allows(destination)) return refuse(destination, 'unlisted');
    const { host, port } = destination;
    const addresses = isIP(host) ? [host] : await lookup(host);
    // What was looked at is what is connected to: a name that is looked up twice may lead to two places.
    const good = addresses.find((address) => mayReach(list, { host: address, port }));
    return good ?? refuse(destination, 'private');
  }

  function refuse(destination: Destination, why: Refusal['why']): undefined {
    const name = `${destination.host}:${destination.port}`;
    if (told.has(name) || told.size >= mostTold) return undefined;
    told.add(name);
    refused({ host: destination.host.slice(0, 255), port: destination.port, why });
    return undefined;
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
    if (!destination) return say(client, 400, 'Bad Request', 'host:port is expected.');
    let address: string | undefined;
    try {
      address = await way(destination);
    } catch {
      return say(client, 502, 'Bad Gateway', `${destination.host} is not known to the name service.`);
    }
    if (address === undefined) return say(client, 403, 'Forbidden', refusal(destination));
    const outer = connect({ host: address, port: destination.port, noDelay: true });
    let connected = false;
    outer.setTimeout(connectWithinMs, () => outer.destroy(new Error('timed out')));
    outer.once('connect', () => {
      connected = true;
      outer.setTimeout(0);
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      if (head.length > 0) outer.write(head);
      outer.pipe(client);
      client.pipe(outer);
    });
    outer.once('error', () => {
      if (!connected) say(client, 502, 'Bad Gateway', `${destination.host} cannot be reached.`);
      else client.destroy();
    });
    outer.once('close', () => client.destroySoon());
    client.once('close', () => outer.destroy());
  }

  async function plain(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = URL.canParse(request.url ?? '') ? new URL(request.url ?? '') : undefined;
    if (url?.protocol !== 'http:') return answer(response, 400, 'This is a proxy: a whole http:// address, or CONNECT, is expected.');
    const destination = { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 80) };
    let address: string | undefined;
    try {
      address = await way(destination);
    } catch {
      return answer(response, 502, `${destination.host} is not known to the name service.`);
    }
    if (address === undefined) return answer(response, 403, refusal(destination));
    const { authorization, cookie } = request.headers;
    const own = { ...(authorization ? { authorization } : {}), ...(cookie ? { cookie } : {}) };
    const outer = requestHttp(
      {
        host: address,
        port: destination.port,
        method: request.method ?? 'GET',
        path: `${url.pathname}${url.search}`,
        setHost: false,
        headers: { ...passedOn(request.headers), ...own, host: url.host, ...lengthOf(request) },
      },
      (inner) => {
        const { 'set-cookie': cookies } = inner.headers;
        response.writeHead(inner.statusCode ?? 502, { ...passedOn(inner.headers), ...(cookies ? { 'set-cookie': cookies } : {}) });
        inner.once('error', () => response.destroy());
        inner.pipe(response);
      },
    );
    outer.setTimeout(connectWithinMs * 10, () => outer.destroy(new Error('timed out')));
    outer.once('error', () => {
      if (response.headersSent) response.destroy();
      else answer(response, 502, `${destination.host} cannot be reached.`);
    });
    response.once('close', () => outer.destroy());
    request.pipe(outer);
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

/** A public address, or one that is listed itself. */
function mayReach(list: AllowList, destination: Destination): boolean {
  return list.allowsAddress(destination) || !isPrivate(destination.host);
}

const addressesOf = async (host: string): Promise<readonly string[]> =>
  (await lookupAny(host, { all: true, verbatim: false })).map(({ address }) => address);

/** `host:port`, `[::1]:443`. */
function destinationOf(text: string): Destination | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^\s:/[\]]+)):(\d{1,5})$/i.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host: host.toLowerCase(), port };
}

const refusal = ({ host, port }: Destination): string =>
  `Not allowed: ${host}:${port} is not among the hosts that may be reached from here (sandbox.egress).`;

function lengthOf({ headers }: IncomingMessage): Record<string, string> {
  const length = headers['content-length'];
  if (length !== undefined) return { 'content-length': length };
  return headers['transfer-encoding'] === undefined ? {} : { 'transfer-encoding': 'chunked' };
}

function say(client: Duplex, status: number, reason: string, text: string): void {
  const head = `HTTP/1.1 ${status} ${reason}\r\ncontent-type: text/plain\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n`;
  client.end(`${head}${text}`);
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain', 'content-length': Buffer.byteLength(text), connection: 'close' });
  response.end(text);
}
