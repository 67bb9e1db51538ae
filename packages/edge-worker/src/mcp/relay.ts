import { randomBytes } from 'node:crypto';
import {
  createServer,
  Agent as HttpAgent,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as requestHttp,
  type ServerResponse,
} from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream';
import type { RemoteMcpServer } from 'cyrus-core/ports/network';
import type { OuterProxies } from 'cyrus-sandbox/egress/outer-proxy';
import { passedOn, statusOf, throughProxy } from 'cyrus-sandbox/gateway/upstream';
import { announcedAt } from './announced-endpoint.ts';

/** Where one run's calls of MCP servers come in. */
export interface McpRelay {
  /** The port of a relay without a socket, on the loopback. */
  readonly port: number | undefined;
  /** Where the servers answer, below the address of the relay, by name: `/KEY/NAME`. */
  readonly paths: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

interface Target {
  readonly name: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Addresses that the server has told to send messages to, below its origin. Only servers of the older transport (`sse`) do. */
  readonly announced: Set<string>;
  readonly announces: boolean;
  readonly agent: HttpAgent;
}

const mostConnections = 64;
const mostAnnounced = 256;
const connectWithinMs = 30_000;

/**
 * Asks MCP servers in an agent's place: it adds their headers, and only their own addresses can be asked. What the agent sees is a path with
 * a key of this run; nothing of the address or the headers.
 * @param options `socket`: a path for a unix socket; absent: a port on the loopback. `outer`: the proxies by which this host reaches the internet
 */
export async function openMcpRelay(options: {
  readonly servers: Readonly<Record<string, RemoteMcpServer>>;
  readonly socket?: string;
  readonly outer?: OuterProxies;
}): Promise<McpRelay> {
  const key = randomBytes(24).toString('base64url');
  const targets = new Map(
    Object.entries(options.servers).map(([name, { type, url, headers = {} }]): [string, Target] => [
      name,
      { name, url: new URL(url), headers, announced: new Set(), announces: type === 'sse', agent: agentFor(new URL(url), options.outer) },
    ]),
  );
  const prefix = (name: string): string => `/${key}/${name}`;

  /** The server a path leads to, and where at it; undefined: nowhere. */
  function way(path: string): { readonly target: Target; readonly path: string } | undefined {
    const [, shown, name = '', ...rest] = path.split('/');
    const target = shown === key ? targets.get(name) : undefined;
    if (!target) return undefined;
    if (rest.length === 0) return { target, path: `${target.url.pathname}${target.url.search}` };
    const at = `/${rest.join('/')}`;
    return target.announced.has(at) ? { target, path: at } : undefined;
  }

  const server = createServer({ noDelay: true, requestTimeout: 0, keepAliveTimeout: 60_000 }, (request, response) => {
    const found = way(request.url ?? '');
    if (!found || !['GET', 'POST', 'DELETE'].includes(request.method ?? '')) {
      request.resume();
      return refuse(response, 404, 'There is no MCP server here.');
    }
    forward(request, response, found.target, found.path);
  });
  server.maxConnections = mostConnections;

  function forward(request: IncomingMessage, response: ServerResponse, target: Target, path: string): void {
    const { url, name } = target;
    const begin = url.protocol === 'https:' ? requestHttps : requestHttp;
    const length = request.headers['content-length'];
    const hasBody = length !== undefined || request.headers['transfer-encoding'] !== undefined;
    const outer = begin(
      {
        agent: target.agent,
        protocol: url.protocol,
        hostname: url.hostname.replace(/^\[|\]$/g, ''),
        port: url.port,
        path,
        method: request.method ?? 'POST',
        headers: {
          ...ofClient(request.headers),
          'accept-encoding': 'identity',
          ...(length === undefined ? (hasBody ? { 'transfer-encoding': 'chunked' } : {}) : { 'content-length': length }),
          ...lowerCased(target.headers),
        },
      },
      (answer) => {
        const status = statusOf(answer);
        answer.on('error', () => response.destroy());
        if (status >= 300 && status < 400) {
          answer.resume();
          return refuse(
            response,
            502,
            `The MCP server ${name} has moved: its answer is ${status}. Its new address belongs into the file of servers.`,
          );
        }
        // Whom to log in with is for the operator: an agent that was told would try to do it itself.
        const { 'www-authenticate': _, ...headers } = passedOn(answer.headers);
        response.writeHead(status, headers);
        response.flushHeaders();
        const ended = (): void => undefined;
        if (!target.announces || !String(answer.headers['content-type']).startsWith('text/event-stream'))
          return void pipeline(answer, response, ended);
        const endpoint = announcedAt(target.url, (at) => {
          if (target.announced.size >= mostAnnounced) target.announced.clear();
          target.announced.add(at);
          return `${prefix(name)}${at}`;
        });
        pipeline(answer, endpoint, response, ended);
      },
    );
    // A stream of events may be silent for as long as it likes; a connection that is not made in time is none.
    outer.setTimeout(connectWithinMs, () => outer.destroy(new Error('timed out')));
    outer.once('socket', (socket) => {
      if (!socket.connecting) outer.setTimeout(0);
      else socket.once('connect', () => outer.setTimeout(0));
    });
    outer.on('error', (error: NodeJS.ErrnoException) =>
      refuse(response, 502, `The MCP server ${name} cannot be reached: ${error.code ?? 'the connection broke off'}.`),
    );
    response.once('close', () => outer.destroy());
    request.on('error', () => outer.destroy());
    request.pipe(outer);
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    if (options.socket === undefined) server.listen(0, '127.0.0.1', resolve);
    else server.listen(options.socket, resolve);
  });
  return {
    port: options.socket === undefined ? (server.address() as AddressInfo).port : undefined,
    paths: Object.fromEntries([...targets.keys()].map((name) => [name, prefix(name)])),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
        for (const { agent } of targets.values()) agent.destroy();
      }),
  };
}

/** A connection that is kept may have been closed at the other end by the next call, which could not be made again then. */
function agentFor({ protocol, hostname, port }: URL, outer: OuterProxies | undefined): HttpAgent {
  const secure = protocol === 'https:';
  const agent = secure ? new HttpsAgent() : new HttpAgent();
  const destination = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || (secure ? 443 : 80), secure };
  const proxy = outer?.(destination);
  if (proxy) agent.createConnection = throughProxy(proxy, destination);
  return agent;
}

/** Of the client's headers, those of the protocol: servers go by others, too, and which ones they get is for the operator. */
const ofClient = (headers: IncomingHttpHeaders): Record<string, string | string[]> =>
  Object.fromEntries(Object.entries(passedOn(headers)).filter(([name]) => ofProtocol.has(name) || name.startsWith('mcp-')));
const ofProtocol: ReadonlySet<string> = new Set(['accept', 'content-type', 'last-event-id', 'cache-control', 'user-agent']);

const lowerCased = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

function refuse(response: ServerResponse, status: number, text: string): void {
  if (response.headersSent || response.destroyed) return void response.destroy();
  response.writeHead(status, { 'content-type': 'text/plain', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}
