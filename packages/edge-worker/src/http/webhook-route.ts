import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from 'cyrus-core/clock';
import type { Log } from 'cyrus-store/log';
import type { HttpAnswer, Ingest } from '../ingest/ingest.ts';
import type { BodyGate } from './body-gate.ts';
import { readBody } from './read-body.ts';

const readWithinMs = 4_000;

/** One address that webhooks come to, and what can be told of a forged one without reading its body. */
interface WebhookRoute {
  readonly maxBytes: number;
  readonly signatureHeader: string;
  readonly signatureShape: RegExp;
  readonly take: (rawBody: Buffer, headers: IncomingHttpHeaders) => Promise<HttpAnswer>;
}

export interface WebhookRoutesOptions {
  readonly ingest: Pick<Ingest, 'linear' | 'github'>;
  readonly gate: BodyGate;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Answers webhooks on the bare request: the body is needed as bytes, and most of what is forged is refused before any of
 * it is read. Resolves with false for another address.
 */
export function createWebhookRoutes(options: WebhookRoutesOptions): (request: IncomingMessage, response: ServerResponse) => boolean {
  const { ingest, gate, clock, log } = options;
  const routes = new Map<string, WebhookRoute>([
    [
      '/webhooks/linear',
      {
        maxBytes: 5 * 1024 * 1024,
        signatureHeader: 'linear-signature',
        signatureShape: /^[0-9a-f]{64}$/i,
        take: ingest.linear,
      },
    ],
    [
      '/webhooks/github',
      {
        maxBytes: 25 * 1024 * 1024,
        signatureHeader: 'x-hub-signature-256',
        signatureShape: /^sha256=[0-9a-f]{64}$/i,
        take: ingest.github,
      },
    ],
  ]);

  async function serve(route: WebhookRoute, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refusal = refuseUnread(route, request);
    if (refusal) return answer(request, response, refusal);
    const leave = await gate.enter(sizeOf(request, route.maxBytes));
    if (!leave) return answer(request, response, { status: 503, body: { error: 'too many at once; send it again' } });
    try {
      const read = await readBody(request, { maxBytes: route.maxBytes, withinMs: readWithinMs, clock });
      if (!read.ok) {
        const status = read.error === 'too_large' ? 413 : 408;
        return answer(request, response, { status, body: { error: read.error } });
      }
      answer(request, response, await route.take(read.value, request.headers));
    } finally {
      leave();
    }
  }

  return (request, response) => {
    const route = routes.get(pathOf(request));
    if (!route) return false;
    serve(route, request, response).catch((error) => {
      log.error({ error: error instanceof Error ? error.stack : String(error) }, 'a webhook failed unexpectedly');
      if (!response.headersSent) answer(request, response, { status: 503, body: { error: 'send it again' } });
    });
    return true;
  };
}

function refuseUnread(route: WebhookRoute, request: IncomingMessage): HttpAnswer | undefined {
  if (request.method !== 'POST') return { status: 405, body: { error: 'POST only' } };
  const signature = request.headers[route.signatureHeader];
  if (typeof signature !== 'string') return { status: 401, body: { error: 'signature_missing' } };
  if (!route.signatureShape.test(signature)) return { status: 401, body: { error: 'signature_malformed' } };
  if (request.headers['content-encoding'] !== undefined) return { status: 415, body: { error: 'encoded bodies are not taken' } };
  if (declaredSize(request) > route.maxBytes) return { status: 413, body: { error: 'too_large' } };
  return undefined;
}

function sizeOf(request: IncomingMessage, maxBytes: number): number {
  return request.headers['content-length'] === undefined ? maxBytes : declaredSize(request);
}

function declaredSize(request: IncomingMessage): number {
  return Number(request.headers['content-length'] ?? 0);
}

function answer(request: IncomingMessage, response: ServerResponse, { status, body }: HttpAnswer): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    ...(status === 405 ? { allow: 'POST' } : {}),
    // What is left of an unread body is not worth reading.
    ...(request.complete ? {} : { connection: 'close' }),
  });
  response.end(text);
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?', 1)[0] ?? '/';
}
