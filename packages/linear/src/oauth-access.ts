/**
 * Over 150 lines: the one place that decides what becomes of a refresh token, where a step out of order locks a person out.
 */
import type { Clock, Instant } from 'cyrus-core/clock';
import type { Failure } from 'cyrus-core/failure';
import { err, ok, type Result } from 'cyrus-core/result';
import type { Access } from './access.ts';
import { type Granted, type OauthApp, type OauthProblem, requestTokens, scopes } from './oauth.ts';
import type { StoredTokens, TokenStore } from './token-store.ts';

/** Where the tokens of a credential begin. */
export type Origin =
  /** The configuration has the first refresh token, and maybe an access token that goes with it. */
  | { readonly kind: 'configured'; readonly refreshToken: string; readonly accessToken?: string }
  /** A person has logged in; everything is in the store. */
  | { readonly kind: 'login' }
  /** The application speaks for itself: there is nothing to lose, a token is minted whenever one is needed. */
  | { readonly kind: 'client' };

export interface OauthAccessOptions {
  /** Of this credential in the store. */
  readonly key: string;
  readonly origin: Origin;
  readonly store: TokenStore;
  /** Undefined where the configuration names no application. */
  readonly app: () => OauthApp | undefined;
  readonly clock: Clock;
  /** Told once when the credential stops working, and once when it works again. */
  readonly onChange?: (failure: Failure | undefined) => void;
}

/** Renewed this long before it ends. */
const marginMs = 5 * 60_000;
/** How long Linear gives the same answer to a refresh token that was used. */
const replayMs = 30 * 60_000;
/** What Linear has refused for good is asked again no more often than this. */
const parkMs = 5 * 60_000;
/** Whether somebody has logged in meanwhile is looked for here, which costs nothing. */
const lookMs = 5_000;

/**
 * Access by OAuth. One renewal at a time in this process and across processes. A refresh token leaves the store only when
 * its successor is durable, so a kill or a lost answer costs nothing: the old one is shown again, and Linear repeats itself.
 */
export function createOauthAccess(options: OauthAccessOptions): Access {
  const { key, store, origin, clock } = options;
  let held: StoredTokens | undefined;
  let unsaved = false;
  let renewing: Promise<Result<string, Failure>> | undefined;
  let parked: { readonly failure: Failure; readonly since: Instant; readonly shown: string } | undefined;
  let told = false;
  /** The last token that Linear refused: no good any more, whatever its time says. */
  let dead: string | undefined;

  const lasts = ({ accessToken, expiresAt }: StoredTokens, forMs: number): boolean =>
    accessToken !== undefined && accessToken !== dead && (expiresAt === undefined || expiresAt - clock.now() > forMs);

  return {
    async token() {
      if (held && !unsaved && lasts(held, marginMs)) return ok(held.accessToken ?? '');
      return renewOnce(undefined);
    },
    async renew(refused) {
      dead = refused;
      if (held?.accessToken !== undefined && held.accessToken !== refused && lasts(held, 0)) return ok(held.accessToken);
      return renewOnce(refused);
    },
  };

  function renewOnce(refused: string | undefined): Promise<Result<string, Failure>> {
    renewing ??= renew(refused)
      .catch((cause: unknown) => err(unkept(cause)))
      .finally(() => {
        renewing = undefined;
      });
    return renewing;
  }

  async function renew(refused: string | undefined): Promise<Result<string, Failure>> {
    if (unsaved) await store.locked(key, saveLate);
    const seen = unsaved && held ? held : await current();
    if (usable(seen, refused)) return works(seen);
    const restingMs = parked ? clock.now() - parked.since : -1;
    if (parked && restingMs >= 0 && restingMs < parkMs && parked.shown === shownBy(seen)) return err(soon(parked.failure));
    parked = undefined;
    return store.locked(key, async () => {
      // Another process may have been faster.
      const stored = newer(await store.unfinished(key), await current());
      if (usable(stored, refused)) return works(stored);
      const outcome = await exchange(stored);
      if (outcome.ok) return works(outcome.value);
      const { kind, failure } = outcome.error;
      // Renewed ahead of time, and nothing is lost yet.
      if (kind === 'later' && refused === undefined && lasts(stored, 0)) return ok(stored.accessToken ?? '');
      if (kind === 'later') return err(failure);
      return park(failure, stored);
    });
  }

  /** What there is to begin with: the store's, else the configuration's first. */
  async function current(): Promise<StoredTokens> {
    const stored = await store.read(key);
    if (stored) return stored;
    if (origin.kind !== 'configured') return {};
    const { refreshToken, accessToken } = origin;
    return { refreshToken, ...(accessToken === undefined ? {} : { accessToken }) };
  }

  function usable(tokens: StoredTokens, refused: string | undefined): boolean {
    return tokens.accessToken !== refused && lasts(tokens, refused === undefined ? marginMs : 0);
  }

  async function exchange(stored: StoredTokens): Promise<Result<StoredTokens, OauthProblem>> {
    if (stored.gone) return err(refusal(goneMessage(stored.gone)));
    const app = options.app();
    if (!app) return err(refusal('The Linear login has ended, and without the application it cannot be renewed', applicationFix));
    if (origin.kind === 'client') {
      const minted = await requestTokens(app, { grant_type: 'client_credentials', scope: scopes });
      return minted.ok ? ok(await keep(stored, minted.value)) : err(minted.error);
    }
    if (stored.refreshToken === undefined) return err(refusal('There is no Linear login'));
    await store.write(key, { ...stored, askedAt: clock.now() });
    let answer = await refresh(app, stored.refreshToken);
    const { previousRefreshToken, obtainedAt } = stored;
    const recent = clock.now() - (obtainedAt ?? Number.NEGATIVE_INFINITY) <= replayMs;
    if (!answer.ok && answer.error.kind === 'grant' && recent && previousRefreshToken !== undefined)
      answer = await refresh(app, previousRefreshToken);
    return answer.ok ? ok(await keep(stored, answer.value)) : err(answer.error);
  }

  async function refresh(app: OauthApp, token: string): Promise<Result<Granted & { readonly used: string }, OauthProblem>> {
    const answer = await requestTokens(app, { grant_type: 'refresh_token', refresh_token: token });
    return answer.ok ? ok({ ...answer.value, used: token }) : answer;
  }

  async function keep(stored: StoredTokens, granted: Granted & { readonly used?: string }): Promise<StoredTokens> {
    const { accessToken, expiresAt, used } = granted;
    const { configured, workspaceId, workspaceName, clientId } = stored;
    const refreshToken = granted.refreshToken ?? used;
    const next: StoredTokens = {
      accessToken,
      obtainedAt: clock.now(),
      ...(expiresAt === undefined ? {} : { expiresAt }),
      ...(refreshToken === undefined ? {} : { refreshToken }),
      ...(used === undefined || used === refreshToken ? {} : { previousRefreshToken: used }),
      ...(configured === undefined ? {} : { configured }),
      ...(workspaceId === undefined ? {} : { workspaceId }),
      ...(workspaceName === undefined ? {} : { workspaceName }),
      ...(clientId === undefined ? {} : { clientId }),
    };
    await save(next);
    return next;
  }

  /** A disk that is full is no reason to throw a good pair away: it is used, and written when it can be. */
  async function save(tokens: StoredTokens): Promise<void> {
    held = tokens;
    unsaved = await store.write(key, tokens).then(
      () => false,
      () => true,
    );
  }

  async function saveLate(): Promise<void> {
    const stored = await current();
    if (held && stored.refreshToken === held.previousRefreshToken) await save(held);
    else unsaved = false;
  }

  function works(tokens: StoredTokens): Result<string, Failure> {
    held = tokens;
    parked = undefined;
    if (told) options.onChange?.(undefined);
    told = false;
    return ok(tokens.accessToken ?? '');
  }

  function park({ message, fix }: Failure, stored: StoredTokens): Result<string, Failure> {
    const again = origin.kind === 'client' ? applicationFix : loginFix(origin);
    const failure: Failure = { class: 'auth', message, fix: fix ?? again };
    parked = { failure, since: clock.now(), shown: shownBy(stored) };
    held = undefined;
    if (!told) options.onChange?.(failure);
    told = true;
    return err(soon(failure));
  }

  function soon(failure: Failure): Failure {
    return { ...failure, retryAt: clock.now() + lookMs };
  }

  function unkept(cause: unknown): Failure {
    const message = cause instanceof Error ? cause.message : String(cause);
    return { class: 'network', message: `The Linear login cannot be kept: ${message}`, fix: 'make the home writable and give it room' };
  }
}

const applicationFix = 'set LINEAR_CLIENT_ID and LINEAR_CLIENT_SECRET, or linear.clientId and linear.clientSecret';

const loginFix = (origin: Origin): string =>
  `log in again: cyrus linear login${origin.kind === 'configured' ? ' (or put a new refresh token into the configuration)' : ''}`;

const refusal = (message: string, fix?: string): OauthProblem => ({
  kind: 'grant',
  failure: { class: 'auth', message, ...(fix === undefined ? {} : { fix }) },
});

const goneMessage = (gone: 'logged_out' | 'revoked'): string =>
  gone === 'revoked' ? 'The workspace has taken back the app’s access to Linear' : 'Cyrus is logged out of Linear';

/** A pair whose writer was killed before it took its place is the one that counts. */
function newer(unfinished: StoredTokens | undefined, stored: StoredTokens): StoredTokens {
  return unfinished?.refreshToken !== undefined && (unfinished.obtainedAt ?? 0) > (stored.obtainedAt ?? 0) ? unfinished : stored;
}

/** What a further try would show Linear: unchanged, it would be refused again. */
const shownBy = ({ refreshToken, gone }: StoredTokens): string => `${gone ?? ''} ${refreshToken ?? ''}`;
