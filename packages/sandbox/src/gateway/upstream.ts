import { type ClientRequest, Agent as HttpAgent, type IncomingHttpHeaders, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';

export interface Upstream {
  /** Begins a request to the provider, with its key. `path`: `/v1/messages?beta=true`. */
  request(path: string, headers: IncomingHttpHeaders, body: Buffer, onAnswer: (answer: IncomingMessage) => void): ClientRequest;
  /** As people write it. */
  readonly url: string;
  close(): void;
}

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

/** Connections to the provider, kept for the calls to come. */
export function openUpstream(apiUrl: string, apiKey: string): Upstream {
  const base = new URL(apiUrl);
  const secure = base.protocol === 'https:';
  // As Node.js itself does where it is told to go by the proxy variables of the service.
  const byProxy = process.env['NODE_USE_ENV_PROXY'] === '1' ? { proxyEnv: { ...process.env } } : {};
  const options = { keepAlive: true, maxFreeSockets: 32, noDelay: true, ...byProxy };
  const agent = secure ? new HttpsAgent(options) : new HttpAgent(options);
  const begin = secure ? requestHttps : requestHttp;
  return {
    url: apiUrl,
    request(path, headers, body, onAnswer) {
      const request = begin(
        {
          agent,
          protocol: base.protocol,
          hostname: base.hostname.replace(/^\[|\]$/g, ''),
          port: base.port,
          path: `${base.pathname.replace(/\/$/, '')}${path}`,
          method: 'POST',
          // What is packed could not be read along.
          headers: { ...passedOn(headers), 'accept-encoding': 'identity', 'content-length': body.length, 'x-api-key': apiKey },
        },
        onAnswer,
      );
      request.end(body);
      return request;
    },
    close: () => agent.destroy(),
  };
}

/** The connection was never made: nothing can have been done at the other end. */
export function neverConnected(error: unknown): boolean {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (syscall === 'connect' || syscall === 'getaddrinfo') return true;
  return /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH|CERT_|ERR_TLS|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED)/.test(code ?? '');
}
