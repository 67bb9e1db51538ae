import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { Clock } from 'cyrus-core/clock';
import type { Log } from 'cyrus-store/log';
import { Hono } from 'hono';
import type { Ingest } from '../ingest/ingest.ts';
import { createBodyGate } from './body-gate.ts';
import { PortError } from './port-error.ts';
import type { Readiness } from './readiness.ts';
import { createWebhookRoutes } from './webhook-route.ts';

const closeWithinMs = 5_000;
const bodies = { bodies: 64, bytes: 32 * 1024 * 1024, waiting: 512 };

export interface HttpServerOptions {
  readonly ingest: Pick<Ingest, 'linear' | 'github'>;
  readonly readiness: Readiness;
  readonly clock: Clock;
  readonly log: Log;
  /** Said at `/`. */
  readonly version: string;
}

export interface HttpServer {
  /**
   * Begins to answer. Resolves with the address; `port` 0 becomes the one that was free.
   * @throws PortError when the port is taken or may not be used
   */
  listen(address: {
    readonly host: string;
    readonly port: number;
  }): Promise<{ readonly host: string; readonly port: number; readonly url: string }>;
  /** Takes no new connection, lets requests under way end, and closes. */
  close(): Promise<void>;
}

export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { ingest, clock, log } = options;
  const webhooks = createWebhookRoutes({ ingest, gate: createBodyGate(bodies), clock, log });
  const pages = getRequestListener(createApp(options).fetch);
  const server = createServer((request, response) => {
    if (!webhooks(request, response)) void pages(request, response);
  });
  server.headersTimeout = 10_000;
  server.requestTimeout = 30_000;
  // Longer than tunnels and proxies keep theirs, so that they do not write to a connection that is being closed.
  server.keepAliveTimeout = 75_000;
  server.maxConnections = 2_048;
  server.on('clientError', (_error, socket) => {
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
    else socket.destroy();
  });

  return {
    async listen({ host, port }) {
      await listening(server, host, port);
      const actual = (server.address() as AddressInfo).port;
      return { host, port: actual, url: `http://${host.includes(':') ? `[${host}]` : host}:${actual}` };
    },
    async close() {
      if (!server.listening) return;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const done = new AbortController();
      void clock.sleep(closeWithinMs, done.signal).then(() => server.closeAllConnections());
      await closed;
      done.abort();
    },
  };
}

function createApp({ readiness, version }: HttpServerOptions): Hono {
  const app = new Hono();
  app.get('/', (c) => c.text(`Cyrus ${version} is running.\n`));
  app.get('/healthz', (c) => c.json({ ok: true }));
  app.get('/readyz', async (c) => {
    const state = await readiness();
    return c.json(state, state.ready ? 200 : 503);
  });
  app.notFound((c) => c.json({ error: 'there is nothing at this address' }, 404));
  return app;
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => reject(PortError.of(error, host, port));
    server.once('error', onError);
    server.listen(port, host, () => {
      server.off('error', onError);
      resolve();
    });
  });
}
