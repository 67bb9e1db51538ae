import { setTimeout as sleep } from 'node:timers/promises';
import { accessTokenSeconds, clientTokenSeconds } from '../access/tokens.ts';
import type { World } from '../world.ts';
import { type Exchange, HttpError } from './exchange.ts';

/** The name by which faults mean the token address: `{kind: 'cut', field: 'oauthToken'}`. */
const field = 'oauthToken';
const scope = 'read write app:assignable app:mentionable';

interface Reply {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** `GET /oauth/authorize`: the page on which a person decides; here by `POST /people/app/authorize`. */
export function answerAuthorize(world: World, exchange: Exchange): void {
  const { clientId, scope } = world.authorizations.open(exchange.query);
  if (!knows(world, clientId)) throw new HttpError(400, `no application ${clientId}`);
  const page = `<html><body><h1>Allow ${escaped(clientId)}?</h1><p>${escaped(scope)}</p></body></html>`;
  exchange.response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page);
}

/** `POST /oauth/token`: authorization_code, refresh_token (rotating) and client_credentials. */
export async function answerToken(world: World, exchange: Exchange): Promise<void> {
  const form = new URLSearchParams((await exchange.body()).toString('utf8'));
  const { faults } = world;
  const outage = faults.outage('in');
  if (outage) return outage.how === 'reset' ? exchange.cut() : exchange.reply(503, {});
  const cuts = (when: 'before' | 'after'): boolean =>
    faults.take('cut', (fault) => fault.field === field && (fault.when ?? 'after') === when) !== undefined;
  if (cuts('before')) return exchange.cut();
  const { status, body } = grant(world, form);
  world.tokens.count(form.get('grant_type') ?? 'none', status === 200);
  const latency = faults.take('latency', (fault) => fault.field === field);
  if (latency) await sleep(latency.ms);
  if (cuts('after')) return exchange.cut();
  exchange.reply(status, body);
}

function grant(world: World, form: URLSearchParams): Reply {
  const { tokens, faults, authorizations } = world;
  const token = { token_type: 'Bearer', scope };
  const fault = faults.take('token-error');
  if (fault) return refuse(fault.error, 'refused (fault)', fault.status ?? (fault.error === 'invalid_client' ? 401 : 400));
  if (!knows(world, form.get('client_id'), form.get('client_secret'))) return refuse('invalid_client', 'Client authentication failed', 401);
  switch (form.get('grant_type')) {
    case 'client_credentials': {
      const body = { ...token, access_token: tokens.issue(clientTokenSeconds), expires_in: clientTokenSeconds };
      return { status: 200, body };
    }
    case 'authorization_code':
    case 'refresh_token': {
      const refreshToken = form.get('refresh_token');
      if (refreshToken === null && !authorizations.redeem(form)) return refuse('invalid_grant', 'The code is not valid');
      const pair = refreshToken === null ? tokens.issuePair() : tokens.refresh(refreshToken);
      if (!pair) return refuse('invalid_grant', 'The refresh token is not valid');
      const body = { ...token, access_token: pair.accessToken, refresh_token: pair.refreshToken, expires_in: accessTokenSeconds };
      return { status: 200, body };
    }
    default:
      return refuse('unsupported_grant_type', 'No such grant');
  }
}

/** `POST /oauth/revoke`: ends the token of the form, else the one that the request carries. */
export async function answerRevoke(world: World, exchange: Exchange): Promise<void> {
  const form = new URLSearchParams((await exchange.body()).toString('utf8'));
  const token = form.get('token') ?? (exchange.request.headers.authorization ?? '').replace(/^Bearer /i, '');
  exchange.reply(world.tokens.revoke(token) ? 200 : 400, {});
}

/** Without an application of its own the server takes every one. A secret that is left out is a public client's, with PKCE. */
function knows(world: World, clientId: string | null, secret?: string | null): boolean {
  const { oauthClient } = world;
  if (!oauthClient) return true;
  return clientId === oauthClient.id && (secret === undefined || secret === null || secret === oauthClient.secret);
}

const refuse = (error: string, description: string, status = 400): Reply => ({ status, body: { error, error_description: description } });

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
