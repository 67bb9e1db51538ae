import { accessTokenSeconds, clientTokenSeconds } from '../access/tokens.ts';
import type { World } from '../world.ts';
import type { Exchange } from './exchange.ts';

const scope = 'read write app:assignable app:mentionable';

/** `POST /oauth/token`: authorization_code, refresh_token (rotating) and client_credentials; every client is accepted. */
export async function answerToken(world: World, exchange: Exchange): Promise<void> {
  const form = new URLSearchParams((await exchange.body()).toString('utf8'));
  const token = { token_type: 'Bearer', scope };
  switch (form.get('grant_type')) {
    case 'client_credentials':
      return exchange.reply(200, { ...token, access_token: world.tokens.issue(clientTokenSeconds), expires_in: clientTokenSeconds });
    case 'authorization_code':
    case 'refresh_token': {
      const refreshToken = form.get('refresh_token');
      const pair = refreshToken === null ? world.tokens.issuePair() : world.tokens.refresh(refreshToken);
      if (!pair) return exchange.reply(400, { error: 'invalid_grant', error_description: 'The refresh token is not valid' });
      const { accessToken, refreshToken: next } = pair;
      return exchange.reply(200, { ...token, access_token: accessToken, refresh_token: next, expires_in: accessTokenSeconds });
    }
    default:
      return exchange.reply(400, { error: 'unsupported_grant_type' });
  }
}

/** `POST /oauth/revoke`: ends the token that the request carries. */
export function answerRevoke(world: World, exchange: Exchange): void {
  const token = (exchange.request.headers.authorization ?? '').replace(/^Bearer /i, '');
  exchange.reply(world.tokens.revoke(token) ? 200 : 400, {});
}
