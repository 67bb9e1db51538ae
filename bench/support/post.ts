import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Posted {
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

interface Answered {
  /** 0: no answer. */
  readonly status: number;
  /** Milliseconds since the Unix epoch, with fractions. */
  readonly sentAt: number;
  /** From sending to the end of the answer. */
  readonly ms: number;
}

/** Sends requests to one program over connections that are kept. */
export interface Poster {
  send(path: string, posted: Posted, method?: string): Promise<Answered>;
  close(): void;
}

export function createPoster(origin: string, maxSockets: number = 64): Poster {
  const agent = new Agent({ keepAlive: true, maxSockets });
  return {
    send: (path, { body, headers }, method = 'POST') =>
      new Promise((resolve) => {
        const started = performance.now();
        const sentAt = performance.timeOrigin + started;
        const end = (status: number): void => resolve({ status, sentAt, ms: performance.now() - started });
        const outgoing = request(
          `${origin}${path}`,
          { method, agent, headers: { ...headers, 'content-length': body.length } },
          (response) => {
            response.resume();
            response.once('end', () => end(response.statusCode ?? 0));
            response.once('error', () => end(response.statusCode ?? 0));
          },
        );
        outgoing.once('error', () => end(0));
        outgoing.end(body);
      }),
    close: () => agent.destroy(),
  };
}

/** Begins one call every `everyMs`, whether the earlier ones have ended or not. */
export async function atRate<T>(calls: readonly (() => Promise<T>)[], everyMs: number): Promise<readonly T[]> {
  const start = performance.now();
  const begun: Promise<T>[] = [];
  for (const [index, call] of calls.entries()) {
    const waitMs = start + index * everyMs - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    begun.push(call());
  }
  return Promise.all(begun);
}
