import type { Failure } from 'cyrus-core/failure';
import { err, ok, type Result } from 'cyrus-core/result';

/** The right to call Linear as somebody: where each call's token comes from. */
export interface Access {
  /** The token to use now. */
  token(): Promise<Result<string, Failure>>;
  /** Another one, after Linear has refused `refused`; or why there is none. However many ask at once, it is renewed once. */
  renew(refused: string): Promise<Result<string, Failure>>;
}

/** A token that is what it is: an API key, or an access token that somebody else looks after. */
export function fixedAccess(token: string): Access {
  const failure: Failure = {
    class: 'auth',
    message: 'Linear does not accept the token',
    fix: 'set a valid LINEAR_TOKEN or linear.token, or log in with: cyrus linear login',
  };
  return { token: async () => ok(token), renew: async () => err(failure) };
}
