import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock, Instant } from 'cyrus-core/clock';
import type { Ids } from 'cyrus-core/ids';
import type { Ledger } from 'cyrus-core/ports/ledger';
import type { Price } from 'cyrus-core/prices';
import type { OuterProxies } from '../egress/outer-proxy.ts';
import { type ApiRefusal, refuse } from './api-error.ts';
import { forwardCall, forwardCount } from './forward.ts';
import { type ProviderLimits, providerLimits } from './provider-limits.ts';
import type { NotPassed, RequestRules } from './request-rules.ts';
import { openUpstream, type Upstream } from './upstream.ts';

export interface GatewayOptions {
  readonly apiUrl: string;
  /** The provider's key. It goes to the provider, and nowhere else. */
  readonly apiKey: string;
  /** Proxies that lead from this host to the provider. Absent: none is needed. */
  readonly outer?: OuterProxies;
  readonly ledger: Ledger;
  readonly prices: { readonly price: Price; readonly name: string };
  readonly clock: Clock;
  readonly ids: Ids;
  /** One line a call, without anything of what was said. */
  readonly log?: (call: CallNote) => void;
  /** The provider limits calls until then; undefined: for a time it does not name. */
  readonly limited?: (limit: { readonly model: string; readonly status: number; readonly until: Instant | undefined }) => void;
}

/** What is told of a call. */
export interface CallNote {
  readonly attemptId: string;
  readonly model: string;
  readonly status: number;
  readonly durationMs: number;
  /** In micro-dollars; null: unpriced, or not known. */
  readonly cost: number | null;
  /** What broke, if something did. */
  readonly broken?: string;
}

/** Where one attempt's calls come in. */
export interface GatewayDoor {
  /** Of a door without a socket: `http://127.0.0.1:PORT`. */
  readonly url: string | undefined;
  /** What the agent shows in place of the provider's key. It opens this door alone. */
  readonly key: string;
  /** Ends the calls under way, and resolves when what they used is written down, or that could not be. */
  close(): Promise<void>;
}

/** What the calls of one attempt may be. */
export interface DoorRules extends RequestRules {
  /** Models without a price are called: nothing is to be held to a budget. */
  readonly unpriced: boolean;
  /** A request was not passed on; its agent has been told `message`. */
  readonly refused?: ((refusal: NotPassed) => void) | undefined;
}

/** The model API as agents get it: it adds the key, writes down what calls cost before and after, and refuses what is not paid for. */
export interface Gateway {
  /** `socket`: a path for a unix socket. Absent: a port on the loopback. */
  open(attempt: { readonly attemptId: string; readonly socket?: string } & Partial<DoorRules>): Promise<GatewayDoor>;
  close(): void;
}

/** What the parts of a gateway share. */
export interface Shared extends GatewayOptions {
  readonly upstream: Upstream;
  readonly limits: ProviderLimits;
}

/** The largest request the Messages API takes. */
const largestBody = 32 * 1024 * 1024;
/** Of all requests of one attempt that are under way: they are kept whole, in the memory that everybody's service lives in. */
const mostHeld = 4 * largestBody;
/** Far more than agents and their subagents have: each takes a descriptor of everybody's service. */
const mostConnections = 256;
const settleWithinMs = 10_000;

export function createGateway(options: GatewayOptions): Gateway {
  const shared: Shared = {
    ...options,
    upstream: openUpstream(options.apiUrl, options.apiKey, options.outer ?? (() => undefined)),
    limits: providerLimits(options.clock),
  };
  return {
    async open({ attemptId, socket, webSearch = false, unpriced = false, refused }) {
      const rules = { webSearch, unpriced, refused };
      const key = `cyrus-${randomBytes(24).toString('base64url')}`;
      const underWay = new Set<Promise<void>>();
      const settling = new Set<Promise<void>>();
      const held = { bytes: 0 };
      const server = createServer({ noDelay: true, keepAliveTimeout: 120_000, requestTimeout: 0 }, (request, response) => {
        const done = answer(shared, { attemptId, key, settling, held, rules }, request, response).catch(() => {
          // Nothing of the cause: it may hold what was said.
          refuse(response, { status: 500, type: 'api_error', message: 'The gateway failed.' });
        });
        underWay.add(done);
        void done.finally(() => underWay.delete(done));
      });
      server.maxConnections = mostConnections;
      await listen(server, socket);
      const address = server.address();
      return {
        url: socket === undefined ? `http://127.0.0.1:${(address as AddressInfo).port}` : undefined,
        key,
        async close() {
          const closed = new Promise<void>((resolve) => server.close(() => resolve()));
          server.closeAllConnections();
          const over = new AbortController();
          await Promise.race([Promise.all(underWay), shared.clock.sleep(settleWithinMs, over.signal)]);
          over.abort();
          await closed;
        },
      };
    },
    close: () => shared.upstream.close(),
  };
}

function listen(server: Server, socket: string | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    if (socket === undefined) server.listen(0, '127.0.0.1', resolve);
    else server.listen(socket, resolve);
  });
}

interface Attempt {
  readonly attemptId: string;
  readonly key: string;
  readonly settling: Set<Promise<void>>;
  readonly held: { bytes: number };
  readonly rules: DoorRules;
}

async function answer(shared: Shared, attempt: Attempt, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (!shows(request, attempt.key)) {
    request.resume();
    return refuse(response, { status: 401, type: 'authentication_error', message: 'This is not the key of this run.', retry: false });
  }
  const [path = '', query] = (request.url ?? '').split('?');
  const forward =
    request.method !== 'POST'
      ? undefined
      : path === '/v1/messages'
        ? forwardCall
        : path === '/v1/messages/count_tokens'
          ? forwardCount
          : undefined;
  if (!forward) {
    request.resume();
    return refuse(response, {
      status: 404,
      type: 'not_found_error',
      message: `${request.method} ${path.slice(0, 100)} is not offered here.`,
    });
  }
  let own = 0;
  const hold = (bytes: number): boolean => {
    if (attempt.held.bytes + bytes > mostHeld) return false;
    own += bytes;
    attempt.held.bytes += bytes;
    return true;
  };
  try {
    const body = await readBody(request, hold);
    if (!Buffer.isBuffer(body)) return refuse(response, body);
    await forward(shared, { ...attempt, path: query === undefined ? path : `${path}?${query}`, request, response, body });
  } finally {
    attempt.held.bytes -= own;
  }
}

function shows({ headers }: IncomingMessage, key: string): boolean {
  const shown = headers['x-api-key'] ?? /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1];
  const [a, b] = [Buffer.from(String(shown ?? '')), Buffer.from(key)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** `hold`: false where there is no room for so many bytes more. What is refused is read to its end, so that the client reads why. */
async function readBody(request: IncomingMessage, hold: (bytes: number) => boolean): Promise<Buffer | ApiRefusal> {
  const chunks: Buffer[] = [];
  let size = 0;
  let refusal: ApiRefusal | undefined;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > largestBody) refusal = { status: 413, type: 'request_too_large', message: `A request has at most ${largestBody} bytes.` };
    else if (refusal === undefined && !hold(chunk.length)) refusal = tooMuch;
    if (refusal === undefined) chunks.push(chunk);
    else chunks.length = 0;
  }
  return refusal ?? Buffer.concat(chunks);
}

const tooMuch: ApiRefusal = {
  status: 503,
  type: 'overloaded_error',
  message: `The calls of this run that are under way have at most ${mostHeld} bytes together.`,
  retryAfterS: 5,
};
