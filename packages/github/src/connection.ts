import { Octokit } from '@octokit/rest';
import type { Clock } from 'cyrus-core/clock';
import { type Failure, FailureError } from 'cyrus-core/failure';
import { err, ok, type Result } from 'cyrus-core/result';
import { classifyAnswer, type ErrorAnswer, unreachable } from './failures.ts';
import type { TokenSource } from './token-source.ts';

/** A call that failed, with what GitHub answered; 0: nothing. */
export interface CallFailure {
  readonly status: number;
  readonly failure: Failure;
}

/** One way to one GitHub with one credential. */
export interface Connection {
  readonly clock: Clock;
  /** Runs one call; `doing` completes "GitHub refused …" and "… while …" for a person. Anything that is no answer of GitHub's is a defect and thrown. */
  call<T>(doing: string, run: (octokit: Octokit) => Promise<{ readonly data: T }>): Promise<Result<T, Failure>>;
  /** The same, for whoever has more to say about a status. */
  attempt<T>(doing: string, run: (octokit: Octokit) => Promise<{ readonly data: T }>): Promise<Result<T, CallFailure>>;
}

export interface ConnectionOptions {
  readonly apiUrl: string;
  readonly source: TokenSource;
  readonly clock: Clock;
  readonly fetch: typeof globalThis.fetch;
  /** For one call, its body included. */
  readonly timeoutMs: number;
}

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

export function connect(options: ConnectionOptions): Connection {
  const { clock } = options;
  const octokit = new Octokit({
    baseUrl: options.apiUrl.replace(/\/+$/, ''),
    userAgent: 'cyrus',
    log: silent,
    request: { fetch: withToken(options.source, wholeAnswers(options)) },
  });
  const attempt: Connection['attempt'] = async (doing, run) => {
    try {
      const { data } = await run(octokit);
      // A gateway's page instead of GitHub's JSON.
      if (typeof data === 'string') return err({ status: 0, failure: unreachable(new Error('the answer was not JSON'), doing) });
      return ok(data);
    } catch (error) {
      const failure = failureIn(error);
      if (failure) return err({ status: 0, failure });
      const answer = answerOf(error);
      if (answer) return err({ status: answer.status, failure: classifyAnswer(answer, doing, clock.now()) });
      if (isTransport(error)) return err({ status: 0, failure: unreachable(error, doing) });
      throw error;
    }
  };
  return {
    clock,
    attempt,
    async call(doing, run) {
      const attempted = await attempt(doing, run);
      return attempted.ok ? attempted : err(attempted.error.failure);
    },
  };
}

/** Calls with a token, and once more with another one where the first is not accepted: a refused call had no effect. */
function withToken(source: TokenSource, fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  return async (input, init) => {
    const once = async (): Promise<{ readonly token: string; readonly response: Response }> => {
      const got = await source.token();
      if (!got.ok) throw new FailureError(got.error);
      const headers = new Headers(init?.headers);
      headers.set('authorization', `Bearer ${got.value}`);
      return { token: got.value, response: await fetch(input, { ...init, headers }) };
    };
    const { token, response } = await once();
    if (response.status !== 401 || !source.refused(token, response.headers.get('date'))) return response;
    return (await once()).response;
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

/** What kept a call from having a token. */
function failureIn(error: unknown): Failure | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1)
    if (at instanceof FailureError) return at.failure;
  return undefined;
}

function answerOf(error: unknown): ErrorAnswer | undefined {
  if (!(error instanceof Error) || error.name !== 'HttpError') return undefined;
  return (error as Error & { readonly response?: ErrorAnswer }).response;
}

/** Octokit gives every failed fetch this name; without an answer it is one that never arrived. */
const isTransport = (error: unknown): boolean => error instanceof Error && (error.name === 'HttpError' || error.name === 'AbortError');
