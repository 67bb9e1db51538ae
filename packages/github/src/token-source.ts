import type { Failure } from 'cyrus-core/failure';
import { ok, type Result } from 'cyrus-core/result';

/** Where calls get their token from. Tokens are opaque: of any length and form. */
export interface TokenSource {
  token(): Promise<Result<string, Failure>>;
  /** GitHub did not accept this token, at `date` by its own clock: true when `token()` may give another. */
  refused(token: string, date: string | null): boolean;
}

/** A token that stays as it is. */
export function fixedToken(token: string): TokenSource {
  return { token: async () => ok(token), refused: () => false };
}
