import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { CliError } from '../cli-error.ts';

/** Where the browser comes back to. */
export interface Callback {
  readonly redirectUri: string;
  /** The code that Linear sent. @throws CliError when the person said no, or nobody came within `ms` */
  code(state: string, ms: number): Promise<string>;
  close(): void;
}

const path = '/callback';

/**
 * Waits on this machine's loopback for a browser, and for the address to be pasted where the browser is on another machine.
 * What does not carry the `state` that was sent out is refused and waited past. @throws CliError when the port is taken
 */
export async function openCallback(port: number, pasted: Readable): Promise<Callback> {
  let take: (query: URLSearchParams) => string | null = () => 'Nothing is waited for.';
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const complaint = url.pathname === path ? take(url.searchParams) : 'There is nothing here.';
    response.writeHead(complaint === null ? 200 : 400, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' });
    response.end(complaint ?? 'Cyrus has the answer. This window can be closed; the terminal says how it went.\n');
  });
  await listen(server, port);
  const redirectUri = `http://localhost:${(server.address() as AddressInfo).port}${path}`;
  const lines = createInterface({ input: pasted });
  lines.on('line', (line) => {
    const query = queryOf(line);
    const complaint = query ? take(query) : null;
    if (complaint !== null) process.stderr.write(`${complaint}\n`);
  });
  return {
    redirectUri,
    code: (state, ms) =>
      new Promise((resolve, reject) => {
        const late = setTimeout(
          () => reject(new CliError('Nobody came back from Linear.', { fix: 'Begin again: cyrus linear login' })),
          ms,
        );
        take = (query) => {
          if (query.get('state') !== state) return 'This is not the answer to the request that Cyrus made.';
          clearTimeout(late);
          const [code, error] = [query.get('code'), query.get('error')];
          if (code) resolve(code);
          else
            reject(
              new CliError(`Linear gave no access: ${(error ?? 'no code').slice(0, 200)}.`, { fix: 'Begin again: cyrus linear login' }),
            );
          return null;
        };
      }),
    close() {
      lines.close();
      pasted.destroy();
      server.close();
      server.closeAllConnections();
    },
  };
}

function queryOf(line: string): URLSearchParams | undefined {
  try {
    return new URL(line.trim()).searchParams;
  } catch {
    return undefined;
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) =>
      reject(
        new CliError(`Port ${port} for the answer of the browser: ${error.message}`, {
          fix: 'Name another one with --port; the application in Linear needs its callback URL.',
        }),
      ),
    );
    server.listen(port, '127.0.0.1', resolve);
  });
}
