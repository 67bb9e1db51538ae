import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Call {
  readonly headers: IncomingHttpHeaders;
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** How one call is answered: with a JSON body, or by hand. */
export type Reply =
  | { readonly status?: number; readonly headers?: Readonly<Record<string, string>>; readonly body: unknown }
  | ((response: ServerResponse, call: Call) => void);

export interface AnsweringServer extends AsyncDisposable {
  readonly url: string;
  /** Every call received so far. */
  readonly calls: readonly Call[];
  /** The next answers, in order; a call beyond them gets status 599. */
  answer(...replies: readonly Reply[]): void;
}

/** A server on 127.0.0.1 that gives the answers it was told to, for what no imitation of Linear would do by itself. */
export async function answeringServer(): Promise<AnsweringServer> {
  const calls: Call[] = [];
  const replies: Reply[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { query, variables } = JSON.parse(Buffer.concat(chunks).toString()) as Pick<Call, 'query' | 'variables'>;
      const call = { headers: request.headers, query, variables };
      calls.push(call);
      const reply = replies.shift() ?? { status: 599, body: 'no reply planned' };
      if (typeof reply === 'function') return reply(response, call);
      response.writeHead(reply.status ?? 200, { 'content-type': 'application/json', ...reply.headers });
      response.end(typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`,
    calls,
    answer: (...more) => replies.push(...more),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
