import { Octokit } from '@octokit/rest';
import type { Clock } from 'cyrus-core/clock';
import type { Failure } from 'cyrus-core/failure';
import { err, ok, type Result } from 'cyrus-core/result';
import { classifyAnswer, type ErrorAnswer, unreachable } from './failures.ts';

/** One way to one GitHub with one token. */
export interface Connection {
  readonly clock: Clock;
  /** Runs one call; `doing` completes "GitHub refused …" and "… while …" for a person. Anything that is no answer of GitHub's is a defect and thrown. */
  call<T>(doing: string, run: (octokit: Octokit) => Promise<{ readonly data: T }>): Promise<Result<T, Failure>>;
}

export interface ConnectionOptions {
  readonly apiUrl: string;
  readonly token: string;
  readonly clock: Clock;
  readonly fetch: typeof globalThis.fetch;
  /** For one call, its body included. */
  readonly timeoutMs: number;
}

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

export function connect(options: ConnectionOptions): Connection {
  const { clock } = options;
  const octokit = new Octokit({
    auth: options.token,
    baseUrl: options.apiUrl.replace(/\/+$/, ''),
    userAgent: 'cyrus',
    log: silent,
    request: { fetch: wholeAnswers(options) },
  });
  return {
    clock,
    async call(doing, run) {
      try {
        const { data } = await run(octokit);
        // A gateway's page instead of GitHub's JSON.
        if (typeof data === 'string') return err(unreachable(new Error('the answer was not JSON'), doing));
        return ok(data);
      } catch (error) {
        const answer = answerOf(error);
        if (answer) return err(classifyAnswer(answer, doing, clock.now()));
        if (isTransport(error)) return err(unreachable(error, doing));
        throw error;
      }
    },
  };
}

/**
 * Fetches an answer to its last byte within the time limit. An answer that breaks off half way is an error then,
 * where it would otherwise look like an answer of another shape.
 */
function wholeAnswers({ fetch, clock, timeoutMs }: ConnectionOptions): typeof globalThis.fetch {
  return async (input, init) => {
    const timeout = new AbortController();
    const done = new AbortController();
    void clock.sleep(timeoutMs, done.signal).then(() => timeout.abort(new Error(`no answer within ${timeoutMs / 1000} s`)));
    try {
      const response = await fetch(input, { ...init, signal: timeout.signal });
      const bytes = await response.arrayBuffer();
      return new Response(bytes.byteLength === 0 ? null : bytes, { status: response.status, headers: response.headers });
    } finally {
      done.abort();
    }
  };
}

function answerOf(error: unknown): ErrorAnswer | undefined {
  if (!(error instanceof Error) || error.name !== 'HttpError') return undefined;
  return (error as Error & { readonly response?: ErrorAnswer }).response;
}

/** Octokit gives every failed fetch this name; without an answer it is one that never arrived. */
const isTransport = (error: unknown): boolean => error instanceof Error && (error.name === 'HttpError' || error.name === 'AbortError');
