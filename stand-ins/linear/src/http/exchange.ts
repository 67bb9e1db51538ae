import type { IncomingMessage, ServerResponse } from 'node:http';

const maxBodyBytes = 64 * 1024 * 1024;

/** A request's failure with the HTTP status that says so. */
export class HttpError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** One request and its answer. */
export class Exchange {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;

  constructor(request: IncomingMessage, response: ServerResponse) {
    const url = new URL(request.url ?? '/', 'http://local');
    this.method = request.method ?? 'GET';
    this.path = url.pathname;
    this.query = url.searchParams;
    this.request = request;
    this.response = response;
  }

  async body(): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of this.request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBodyBytes) throw new HttpError(413, `the body is larger than ${maxBodyBytes} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }

  /** The body as a JSON object; an empty body is `{}`. @throws HttpError 400 */
  async json(): Promise<Readonly<Record<string, unknown>>> {
    const text = (await this.body()).toString('utf8');
    try {
      const value: unknown = text ? JSON.parse(text) : {};
      if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>;
    } catch (error) {
      throw new HttpError(400, `the body is no JSON: ${(error as Error).message}`);
    }
    throw new HttpError(400, 'the body must be a JSON object');
  }

  reply(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): void {
    this.response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers });
    this.response.end(JSON.stringify(body));
  }

  /** Ends the connection without an answer. */
  cut(): void {
    this.request.socket.destroy();
  }
}
