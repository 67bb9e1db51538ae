import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { GraphQLError } from 'graphql';
import { Exchange, HttpError } from './exchange.ts';

const host = '127.0.0.1';
const reopenEveryMs = 20;
/** Long, so that a client's idle connection is not closed under its next request. */
const keepAliveMs = 120_000;

export type Answer = (exchange: Exchange) => Promise<void> | void;

/** An HTTP server on 127.0.0.1 that can close its port and open the same one again. */
export class Listener {
  private readonly server: Server;
  private port = 0;
  private reopening: NodeJS.Timeout | undefined;

  constructor(answer: Answer) {
    this.server = createServer((request, response) => {
      const exchange = new Exchange(request, response);
      void (async () => answer(exchange))().catch((error: unknown) => replyError(exchange, error));
    });
    this.server.keepAliveTimeout = keepAliveMs;
  }

  get url(): string {
    return `http://${host}:${this.port}`;
  }

  /** @throws Error when the port is taken */
  open(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, host, () => {
        this.server.off('error', reject);
        this.port = (this.server.address() as AddressInfo).port;
        resolve();
      });
    });
  }

  /** Refuses connections for `ms`, then listens on the same port again. */
  refuse(ms: number): void {
    void this.close();
    clearTimeout(this.reopening);
    const reopen = (): void => {
      // Another program may hold the port for a moment: try until it is free.
      this.open(this.port).catch(() => {
        this.reopening = setTimeout(reopen, reopenEveryMs);
      });
    };
    this.reopening = setTimeout(reopen, ms);
  }

  async stop(): Promise<void> {
    clearTimeout(this.reopening);
    await this.close();
  }

  private close(): Promise<void> {
    if (!this.server.listening) return Promise.resolve();
    return new Promise((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }
}

function replyError(exchange: Exchange, error: unknown): void {
  if (exchange.response.destroyed || exchange.request.socket.destroyed) return;
  const status = error instanceof HttpError ? error.status : error instanceof GraphQLError || error instanceof TypeError ? 400 : 500;
  const presentable = error instanceof GraphQLError ? error.extensions['userPresentableMessage'] : undefined;
  const message = error instanceof Error ? error.message : String(error);
  if (status === 500) process.stderr.write(`${error instanceof Error ? error.stack : message}\n`);
  if (!exchange.response.headersSent) exchange.reply(status, { error: presentable ? `${message}: ${presentable}` : message });
}
