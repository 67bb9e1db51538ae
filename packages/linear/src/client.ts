import type { Clock } from 'cyrus-core/clock';
import { err, ok, type Result } from 'cyrus-core/result';
import { type Access, fixedAccess } from './access.ts';
import { type DownloadLimits, type DownloadProblem, download } from './download.ts';
import { type LinearProblem, noAnswer, problemOf } from './problem.ts';
import { type Rate, rateAfter } from './rate.ts';
import { uploadOrigin } from './uploads.ts';

export type Variables = Readonly<Record<string, unknown>>;
export type Data = Readonly<Record<string, unknown>>;

/** One credential of one workspace. */
export interface LinearClient {
  /** Makes one call. Never throws: no answer, a refusal and an error are problems. */
  request(document: string, variables: Variables, signal?: AbortSignal): Promise<Result<Data, LinearProblem>>;
  /** Reads a file that people uploaded. Never throws. Uploads have no part in the limits of calls. */
  download(url: string, limits: DownloadLimits, signal?: AbortSignal): Promise<Result<Uint8Array, DownloadProblem>>;
  /** Where uploads are: what is elsewhere is not downloaded. */
  readonly uploadOrigin: string;
  /** The limits as the last answer told them. */
  rate(): Rate;
}

export interface LinearOptions {
  readonly apiUrl: string;
  /** `lin_api_…` is an API key; anything else is an access token of the app. One that is renewed comes as `Access`. */
  readonly token: string | Access;
  readonly clock: Clock;
  /** How long an answer may take. Default 10 s. */
  readonly timeoutMs?: number;
}

/** The `Authorization` header: Linear takes API keys bare and access tokens as `Bearer`. */
export function authorizationOf(token: string): string {
  const bare = token.trim().replace(/^Bearer\s+/i, '');
  return isApiKey(bare) ? bare : `Bearer ${bare}`;
}

/** A person's own key: Linear sees that person, and lets them write no agent activities. */
export const isApiKey = (token: string): boolean => token.trim().startsWith('lin_api_');

/** A client for one credential. Connections are kept alive by the runtime and shared. */
export function createLinear(options: LinearOptions): LinearClient {
  let rate: Rate = {};
  const access = typeof options.token === 'string' ? fixedAccess(options.token) : options.token;

  /** A token that expired or was exchanged meanwhile is renewed, and the call made once more; a refused call had no effect. */
  async function request(document: string, variables: Variables, signal?: AbortSignal): Promise<Result<Data, LinearProblem>> {
    const token = await access.token();
    if (!token.ok) return err({ action: 'retry', failure: token.error, said: [] });
    const first = await call(token.value, document, variables, signal);
    if (first.ok || !isRefusedToken(first.error)) return first;
    const renewed = await access.renew(token.value);
    if (renewed.ok) return call(renewed.value, document, variables, signal);
    return err({ ...first.error, failure: renewed.error });
  }

  async function call(token: string, document: string, variables: Variables, signal?: AbortSignal): Promise<Result<Data, LinearProblem>> {
    const over = new AbortController();
    const stop = new AbortController();
    const timeoutMs = options.timeoutMs ?? 10_000;
    void options.clock.sleep(timeoutMs, over.signal).then(() => {
      if (!over.signal.aborted) stop.abort(new Error(`no answer within ${timeoutMs} ms`));
    });
    try {
      const response = await fetch(options.apiUrl, {
        method: 'POST',
        headers: { authorization: authorizationOf(token), 'content-type': 'application/json', 'user-agent': 'cyrus' },
        body: JSON.stringify({ query: document, variables }),
        // A redirect is not followed: it would carry the token to another host.
        redirect: 'manual',
        signal: signal ? AbortSignal.any([stop.signal, signal]) : stop.signal,
      });
      rate = rateAfter(rate, response.headers, options.clock.now());
      const body = asObject(await response.text());
      const errors = Array.isArray(body?.['errors']) && body['errors'].length > 0 ? body['errors'].filter(isObject) : undefined;
      const data = body?.['data'];
      if (response.ok && !errors && isObject(data)) return ok(data);
      const known = errors ?? (body && 'data' in body && response.ok ? [] : undefined);
      return err(problemOf({ status: response.status, headers: response.headers, errors: known }, options.clock.now()));
    } catch (cause) {
      return err(noAnswer(reasonOf(cause)));
    } finally {
      over.abort();
    }
  }

  const origin = uploadOrigin(options.apiUrl);
  async function read(url: string, limits: DownloadLimits, signal?: AbortSignal): Promise<Result<Uint8Array, DownloadProblem>> {
    const token = await access.token();
    if (!token.ok) return err({ why: token.error.message, try: 'never' });
    const readWith = (value: string): ReturnType<typeof download> =>
      download(url, {
        ...limits,
        origin,
        authorization: authorizationOf(value),
        clock: options.clock,
        ...(signal ? { signal } : {}),
      });
    const first = await readWith(token.value);
    if (first.ok || first.error.try !== 'token') return first;
    const renewed = await access.renew(token.value);
    return renewed.ok ? readWith(renewed.value) : first;
  }

  return { request, download: read, uploadOrigin: origin, rate: () => rate };
}

const isRefusedToken = ({ action, failure }: LinearProblem): boolean => action === 'retry' && failure.class === 'auth';

function asObject(text: string): Data | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Data {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The innermost reason: fetch wraps `connect ECONNREFUSED …` into "fetch failed". */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  if (cause.cause instanceof AggregateError) return reasonOf(cause.cause.errors[0]);
  return cause.cause instanceof Error ? cause.cause.message : cause.message;
}
