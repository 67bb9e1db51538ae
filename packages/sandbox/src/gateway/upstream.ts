import { type ClientRequest, Agent as HttpAgent, type IncomingHttpHeaders, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { type ConnectionOptions, connect as connectSecurely } from 'node:tls';
import type { Destination } from '../egress/allow-list.ts';
import { type OuterProxies, type OuterProxy, tunnelThrough } from '../egress/outer-proxy.ts';

export interface Upstream {
  /** Begins a request to the provider, with its key. `path`: `/v1/messages?beta=true`. */
  request(path: string, headers: IncomingHttpHeaders, body: Buffer, onAnswer: (answer: IncomingMessage) => void): ClientRequest;
  close(): void;
}

const connectWithinMs = 30_000;

/** A body is what was read of it, not what another charset or packing makes of it; an answer that is packed could not be read along. */
const asRead = { 'content-type': 'application/json', 'accept-encoding': 'identity' };

/** What belongs to one connection, or says who the client is. */
const notPassedOn = new Set([
  ...['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'te', 'trailer', 'transfer-encoding'],
  ...['upgrade', 'expect', 'host', 'content-length', 'accept-encoding', 'authorization', 'x-api-key', 'cookie', 'set-cookie', 'forwarded'],
]);

/** Headers of the one side as the other side gets them. */
export function passedOn(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  const named = new Set(
    String(headers.connection ?? '')
      .toLowerCase()
      .split(/\s*,\s*/),
  );
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined || notPassedOn.has(name) || named.has(name) || name.startsWith('x-forwarded-') ? [] : [[name, value]],
    ),
  );
}

/** The status of an answer, as it can be passed on: Node.js reads others, such as 099, and throws where they are written. */
export const statusOf = ({ statusCode = 0 }: IncomingMessage): number => (statusCode >= 200 && statusCode <= 599 ? statusCode : 502);

/** Connections to the provider, kept for the calls to come. */
export function openUpstream(apiUrl: string, apiKey: string, proxies: OuterProxies): Upstream {
  const base = new URL(apiUrl);
  const secure = base.protocol === 'https:';
  const destination = { host: base.hostname.replace(/^\[|\]$/g, ''), port: Number(base.port) || (secure ? 443 : 80), secure };
  const proxy = proxies(destination);
  const options = { keepAlive: true, maxFreeSockets: 32, noDelay: true };
  const agent = secure ? new HttpsAgent(options) : new HttpAgent(options);
  if (proxy) agent.createConnection = throughProxy(proxy, destination);
  const begin = secure ? requestHttps : requestHttp;
  return {
    request(path, headers, body, onAnswer) {
      const { 'content-encoding': _, ...others } = passedOn(headers);
      const request = begin(
        {
          agent,
          protocol: base.protocol,
          hostname: destination.host,
          port: base.port,
          path: `${base.pathname.replace(/\/$/, '')}${path}`,
          method: 'POST',
          headers: { ...others, ...asRead, 'content-length': body.length, 'x-api-key': apiKey },
        },
        onAnswer,
      );
      request.end(body);
      return request;
    },
    close: () => agent.destroy(),
  };
}

/** How an agent makes its connections to a destination that this host reaches by a proxy. */
export function throughProxy(proxy: OuterProxy, destination: Destination & { readonly secure: boolean }): HttpAgent['createConnection'] {
  return (options, callback) => {
    tunnelThrough(proxy, destination, connectWithinMs).then(
      (socket) => callback?.(null, destination.secure ? connectSecurely({ ...(options as ConnectionOptions), socket }) : socket),
      (error: Error) => callback?.(error, undefined as never),
    );
    return undefined;
  };
}

/** The connection was never made: nothing can have been done at the other end. */
export function neverConnected(error: unknown): boolean {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (syscall === 'connect' || syscall === 'getaddrinfo') return true;
  return /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH|CERT_|ERR_TLS|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED)/.test(code ?? '');
}
