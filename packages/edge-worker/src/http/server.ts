import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { Clock } from 'cyrus-core/clock';
import type { Log } from 'cyrus-store/log';
import type { Database } from 'cyrus-store/pool';
import { Hono } from 'hono';
import type { Brokers } from '../broker/brokers.ts';
import type { Ingest } from '../ingest/ingest.ts';
import { createBodyGate } from './body-gate.ts';
import { portError } from './port-error.ts';
import { brokersReady, createReadiness, databaseReady, type Readiness, type ReadinessCheck } from './readiness.ts';
import { createWebhookRoutes } from './webhook-route.ts';

const closeWithinMs = 5_000;
const idleLookMs = 20;
const bodies = { bodies: 64, bytes: 8 * 1024 * 1024, waiting: 512 };

export interface HttpServerOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly ingest: Pick<Ingest, 'linear' | 'github'>;
  /** What is served at `/api/v1`. */
  readonly api?: Hono;
  readonly db: Database;
  readonly brokers: Brokers['state'];
  /** What else has to be well before `/readyz` says so. */
  readonly checks?: Readonly<Record<string, ReadinessCheck>>;
  /** What `/readyz` tells beside that. */
  readonly notes?: Readonly<Record<string, ReadinessCheck>>;
  readonly clock: Clock;
  readonly log: Log;
  /** Said at `/`. */
  readonly version: string;
}

export interface HttpServer {
  readonly address: { readonly host: string; readonly port: number };
  /** Takes no new connection, lets requests under way end, and closes. */
  close(): Promise<void>;
}

/**
 * Opens the door: webhooks, health and readiness.
 * @throws FailureError `invalid_request`, with what to do, when the port is taken or may not be used
 */
export async function createHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { host, ingest, clock, log } = options;
  const checks = { database: databaseReady(options.db), brokers: brokersReady(options.brokers), ...options.checks };
  const webhooks = createWebhookRoutes({ ingest, gate: createBodyGate(bodies), clock, log });
  const pages = getRequestListener(createApp(createReadiness(checks, clock, options.notes), options).fetch);
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
  await listening(server, host, options.port);
  const { port } = server.address() as AddressInfo;
  let closing: Promise<void> | undefined;
  return {
    address: { host, port },
    close() {
      closing ??= closeServer(server, clock);
      return closing;
    },
  };
}

async function closeServer(server: Server, clock: Clock): Promise<void> {
  const done = new AbortController();
  const closed = new Promise<void>((resolve) => server.close(() => resolve())).then(() => done.abort());
  const deadline = clock.now() + closeWithinMs;
  // A connection kept alive is idle only once its last answer is out.
  while (!done.signal.aborted && clock.now() < deadline) {
    server.closeIdleConnections();
    await clock.sleep(idleLookMs, done.signal);
  }
  server.closeAllConnections();
  await closed;
}

function createApp(readiness: Readiness, { version, api }: HttpServerOptions): Hono {
  const app = new Hono();
  if (api) app.route('/api/v1', api);
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
    const onError = (error: NodeJS.ErrnoException): void => void portError(error, host, port).then(reject);
    server.once('error', onError);
    server.listen(port, host, () => {
      server.off('error', onError);
      resolve();
    });
  });
}
