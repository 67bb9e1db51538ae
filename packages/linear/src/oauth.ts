import type { Clock, Instant } from 'cyrus-core/clock';
import type { Failure } from 'cyrus-core/failure';
import { err, ok, type Result } from 'cyrus-core/result';
import { cleanLine } from './clean.ts';
import { retryAfter } from './rate.ts';

/** What an agent needs: it may be delegated to and mentioned. */
export const scopes = 'read,write,app:assignable,app:mentionable';

export interface OauthAddresses {
  readonly token: string;
  readonly revoke: string;
  readonly authorize: string;
}

/** One application in Linear and where it is known. */
export interface OauthApp {
  readonly clientId: string;
  /** Absent for an application that only uses PKCE. */
  readonly clientSecret?: string;
  readonly addresses: OauthAddresses;
  readonly clock: Clock;
  /** How long an answer may take. Default 10 s. */
  readonly timeoutMs?: number;
}

/** Tokens as Linear gave them. */
export interface Granted {
  readonly accessToken: string;
  /** Absent for client credentials, which are minted anew. */
  readonly refreshToken?: string;
  readonly expiresAt?: Instant;
}

/** `grant`: what was shown is no good any more. `app`: the application is not known. `later`: no verdict, ask again. */
export interface OauthProblem {
  readonly kind: 'grant' | 'app' | 'later';
  readonly failure: Failure;
}

const publicApi = 'https://api.linear.app';

/** Where tokens are made: beside the API, unless told otherwise. Only Linear's own page for people lives on another host. */
export function oauthAddresses(linear: {
  readonly apiUrl: string;
  readonly oauthUrl?: string;
  readonly authorizeUrl?: string;
}): OauthAddresses {
  const { origin } = new URL(linear.apiUrl);
  const base = (linear.oauthUrl ?? `${origin}/oauth`).replace(/\/+$/, '');
  const page = origin === publicApi ? 'https://linear.app/oauth/authorize' : `${origin}/oauth/authorize`;
  return { token: `${base}/token`, revoke: `${base}/revoke`, authorize: linear.authorizeUrl ?? page };
}

/** The page on which a person lets the app into a workspace. `challenge`: of PKCE, S256. */
export function authorizePage(app: OauthApp, request: { redirectUri: string; state: string; challenge: string }): string {
  const query = new URLSearchParams({
    client_id: app.clientId,
    redirect_uri: request.redirectUri,
    response_type: 'code',
    scope: scopes,
    state: request.state,
    actor: 'app',
    prompt: 'consent',
    code_challenge: request.challenge,
    code_challenge_method: 'S256',
  });
  return `${app.addresses.authorize}?${query}`;
}

/**
 * Asks for tokens with a grant: `authorization_code`, `refresh_token` or `client_credentials` with its fields. Never throws.
 * @see https://linear.app/developers/oauth-2-0-authentication
 */
export async function requestTokens(app: OauthApp, grant: Readonly<Record<string, string>>): Promise<Result<Granted, OauthProblem>> {
  const sentAt = app.clock.now();
  const answer = await post(app, app.addresses.token, { ...grant, ...identity(app) });
  if (!answer.ok) return err(later(`Linear did not answer: ${answer.error}`));
  const { status, headers, body } = answer.value;
  const accessToken = body?.['access_token'];
  if (status < 300 && typeof accessToken === 'string' && accessToken !== '') {
    const { refresh_token: refreshToken, expires_in: seconds } = body ?? {};
    return ok({
      accessToken,
      ...(typeof refreshToken === 'string' && refreshToken !== '' ? { refreshToken } : {}),
      ...(typeof seconds === 'number' && seconds > 0 ? { expiresAt: sentAt + seconds * 1000 } : {}),
    });
  }
  return err(problemOf(status, headers, body, app.clock.now()));
}

/** Ends a token at Linear. True when it is of no use any more, also because it was not before. */
export async function revokeToken(app: OauthApp, token: string): Promise<boolean> {
  const answer = await post(app, app.addresses.revoke, { token, ...identity(app) }, token);
  return answer.ok && (answer.value.status < 300 || answer.value.status === 400 || answer.value.status === 401);
}

const identity = ({ clientId, clientSecret }: OauthApp): Record<string, string> => ({
  client_id: clientId,
  ...(clientSecret === undefined ? {} : { client_secret: clientSecret }),
});

function problemOf(status: number, headers: Headers, body: Body | undefined, now: Instant): OauthProblem {
  const code = typeof body?.['error'] === 'string' ? body['error'] : '';
  const said = cleanLine([code, body?.['error_description']].filter((part) => typeof part === 'string' && part !== '').join(': '), 300);
  if (code === 'invalid_grant')
    return { kind: 'grant', failure: { class: 'auth', message: `Linear does not accept the login any more (${said})` } };
  if (status === 429) {
    const failure: Failure = { class: 'rate_limited', message: "Linear's rate limit is reached", retryAt: retryAfter(headers, now) };
    return { kind: 'later', failure };
  }
  if (code !== '' && status < 500)
    return {
      kind: 'app',
      failure: {
        class: 'auth',
        message: `Linear does not accept the application (${said})`,
        fix: 'check linear.clientId and linear.clientSecret (LINEAR_CLIENT_ID, LINEAR_CLIENT_SECRET)',
      },
    };
  return later(`Linear gave no token: status ${status}`);
}

const later = (message: string): OauthProblem => ({ kind: 'later', failure: { class: 'network', message } });

type Body = Readonly<Record<string, unknown>>;
interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body | undefined;
}

async function post(app: OauthApp, url: string, form: Record<string, string>, bearer?: string): Promise<Result<Answer, string>> {
  const over = new AbortController();
  const stop = new AbortController();
  const timeoutMs = app.timeoutMs ?? 10_000;
  void app.clock.sleep(timeoutMs, over.signal).then(() => {
    if (!over.signal.aborted) stop.abort(new Error(`no answer within ${timeoutMs} ms`));
  });
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        'user-agent': 'cyrus',
        ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
      },
      body: new URLSearchParams(form).toString(),
      // A redirect is not followed: it would carry the secret to another host.
      redirect: 'manual',
      signal: stop.signal,
    });
    return ok({ status: response.status, headers: response.headers, body: asObject(await response.text()) });
  } catch (cause) {
    const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
    return err(inner instanceof Error ? inner.message : String(inner));
  } finally {
    over.abort();
  }
}

function asObject(text: string): Body | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Body) : undefined;
  } catch {
    return undefined;
  }
}
