import { randomBytes } from 'node:crypto';

/** A personal API key acts as a person; an app token as the agent. */
export type TokenKind = 'key' | 'app';

export interface Token {
  readonly kind: TokenKind;
  readonly userId: string;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

export interface TokenPair {
  readonly accessToken: string;
  readonly refreshToken: string;
}

/** Seconds an access token lives, and one of `client_credentials`. */
export const accessTokenSeconds = 86_399;
export const clientTokenSeconds = 2_591_999;
/** How long the answer to a refresh can be asked for again, when it was lost. */
const replayMs = 30 * 60_000;

export class Tokens {
  private readonly tokens = new Map<string, Token>();
  private readonly refreshTokens = new Map<string, { used?: { at: number; pair: TokenPair } }>();
  /** How often each grant was asked for, and how often it gave tokens. */
  readonly grants: Record<string, { readonly asked: number; readonly given: number }> = {};
  private readonly appUserId: string;
  private readonly timeScale: number;

  constructor(appUserId: string, timeScale: number) {
    this.appUserId = appUserId;
    this.timeScale = timeScale;
  }

  add(token: string, kind: TokenKind, userId: string, expiresAt: number = Number.POSITIVE_INFINITY): void {
    this.tokens.set(token, { kind, userId, expiresAt });
  }

  /** The holder of an `Authorization` header: a key comes bare, an app token as `Bearer`. */
  holder(authorization: string | undefined): Token | undefined {
    const bearer = /^Bearer /i.test(authorization ?? '');
    const token = this.tokens.get((authorization ?? '').replace(/^Bearer /i, ''));
    if (!token || token.expiresAt <= Date.now() || bearer !== (token.kind === 'app')) return undefined;
    return token;
  }

  count(grant: string, given: boolean): void {
    const { asked, given: before } = this.grants[grant] ?? { asked: 0, given: 0 };
    this.grants[grant] = { asked: asked + 1, given: before + (given ? 1 : 0) };
  }

  issue(seconds: number): string {
    const token = `lin_oauth_${randomBytes(16).toString('hex')}`;
    this.add(token, 'app', this.appUserId, Date.now() + (seconds * 1000) / this.timeScale);
    return token;
  }

  issuePair(): TokenPair {
    const pair = { accessToken: this.issue(accessTokenSeconds), refreshToken: randomBytes(24).toString('hex') };
    this.refreshTokens.set(pair.refreshToken, {});
    return pair;
  }

  /** A pair that somebody was given before this server began. */
  addPair({ accessToken, refreshToken }: TokenPair): void {
    this.add(accessToken, 'app', this.appUserId);
    this.refreshTokens.set(refreshToken, {});
  }

  /** A new pair for a refresh token, the same pair again for 30 minutes, then nothing. */
  refresh(refreshToken: string): TokenPair | undefined {
    const entry = this.refreshTokens.get(refreshToken);
    if (!entry) return undefined;
    entry.used ??= { at: Date.now(), pair: this.issuePair() };
    return Date.now() - entry.used.at <= replayMs / this.timeScale ? entry.used.pair : undefined;
  }

  /** Ends an access or a refresh token. */
  revoke(token: string): boolean {
    return this.tokens.delete(token) || this.refreshTokens.delete(token);
  }

  /** The app's token of a header is at its end. */
  expire(authorization: string | undefined): void {
    if (this.holder(authorization)?.kind === 'app') this.tokens.delete((authorization ?? '').replace(/^Bearer /i, ''));
  }

  /** What happens when a workspace removes the app. */
  revokeApp(): void {
    for (const [token, { kind }] of this.tokens) if (kind === 'app') this.tokens.delete(token);
    this.refreshTokens.clear();
  }
}
