import type { Clock, Instant } from 'cyrus-core/clock';
import type { Failure } from 'cyrus-core/failure';
import { err, ok, type Result } from 'cyrus-core/result';
import { appIdentity } from './app-jwt.ts';
import { type Connection, connect } from './connection.ts';
import { fullName, type RepositoryRef } from './repository.ts';
import type { TokenSource } from './token-source.ts';

/** What the work cannot be published without. */
const needed = { contents: 'write', pull_requests: 'write' } as const;
/** What a token gets where the installation has it: check results, and files of workflows in a push. */
const useful = { checks: 'read', statuses: 'read', metadata: 'read', workflows: 'write' } as const;

const renewBeforeMs = 5 * 60_000;
/** However the clocks differ: a token is used for so long at least, and at most. GitHub's own word ends it sooner. */
const shortestUseMs = 60_000;
const longestUseMs = 55 * 60_000;

export interface AppOptions {
  readonly apiUrl: string;
  readonly appId: string;
  /** PEM. */
  readonly privateKey: string;
  /** Absent: the installation is found by the repository. */
  readonly installationId?: number;
  readonly clock: Clock;
  readonly fetch?: typeof globalThis.fetch;
  readonly timeoutMs?: number;
}

/** Tokens of a GitHub App's installation, each for one repository and no more permissions than the work needs. */
export interface AppTokens {
  /** Kept until shortly before its end, minted once however many ask, and anew after a refusal. Failures: `auth` with what to do, `network`, `rate_limited`. */
  of(repository: RepositoryRef): TokenSource;
  /** Nothing that was given out is used any more: what the app may reach has changed. */
  forget(): void;
  /** Every token given out that may still be valid: for masking. */
  given(): readonly string[];
  /** The app itself: its name, when GitHub accepts the key. */
  whoAmI(): Promise<Result<{ readonly name: string }, Failure>>;
}

type Granted = Readonly<Record<string, string | undefined>>;

export function createAppTokens(options: AppOptions): AppTokens {
  const { clock, appId } = options;
  const identity = appIdentity(appId, options.privateKey, clock);
  const connection = connect({
    apiUrl: options.apiUrl,
    source: identity,
    clock,
    fetch: options.fetch ?? globalThis.fetch,
    timeoutMs: options.timeoutMs ?? 30_000,
  });
  const kept = new Map<string, { readonly token: string; readonly until: Instant }>();
  const minting = new Map<string, Promise<Result<string, Failure>>>();
  const given: string[] = [];

  async function mint(repository: RepositoryRef, key: string): Promise<Result<string, Failure>> {
    const installed = await findInstallation(connection, options, repository);
    if (!installed.ok) return installed;
    const { id, permissions } = installed.value;
    const made = await connection.attempt(`asking for a token for ${fullName(repository)}`, (octokit) =>
      octokit.rest.apps.createInstallationAccessToken({ installation_id: id, repositories: [repository.name], permissions }),
    );
    if (!made.ok) return err(mintFailure(appId, repository, made.error));
    const { token, expires_at: ends } = made.value;
    const leftMs = Date.parse(ends) - identity.skewMs() - clock.now() - renewBeforeMs;
    kept.set(key, { token, until: clock.now() + Math.min(longestUseMs, Math.max(shortestUseMs, leftMs)) });
    given.push(token);
    // A token lives an hour: those of long ago are worth nothing any more.
    if (given.length > 1000) given.shift();
    return ok(token);
  }

  return {
    of(repository) {
      const key = fullName(repository).toLowerCase();
      return {
        async token() {
          const known = kept.get(key);
          if (known && clock.now() < known.until) return ok(known.token);
          const underWay = minting.get(key) ?? mint(repository, key).finally(() => minting.delete(key));
          minting.set(key, underWay);
          return underWay;
        },
        refused(token) {
          if (kept.get(key)?.token === token) kept.delete(key);
          return true;
        },
      };
    },
    forget: () => kept.clear(),
    given: () => given,
    async whoAmI() {
      const app = await connection.attempt('asking which app the key belongs to', (octokit) => octokit.rest.apps.getAuthenticated());
      if (app.ok) return ok({ name: app.value?.name ?? appId });
      return err(app.error.status === 401 || app.error.status === 404 ? wrongKey(appId, app.error.failure) : app.error.failure);
    },
  };
}

interface Installation {
  readonly id: number;
  readonly permissions: Readonly<Record<string, 'read' | 'write'>>;
}

async function findInstallation(
  connection: Connection,
  { appId, installationId }: AppOptions,
  repository: RepositoryRef,
): Promise<Result<Installation, Failure>> {
  const found = await connection.attempt(`looking for the installation of the GitHub App ${appId} on ${fullName(repository)}`, (octokit) =>
    installationId === undefined
      ? octokit.rest.apps.getRepoInstallation({ owner: repository.owner, repo: repository.name })
      : octokit.rest.apps.getInstallation({ installation_id: installationId }),
  );
  if (!found.ok) {
    const { status, failure } = found.error;
    if (status === 401) return err(wrongKey(appId, failure));
    if (status !== 404) return err(failure);
    return err(
      installationId === undefined
        ? notInstalled(appId, repository)
        : {
            class: 'auth',
            message: `The GitHub App ${appId} has no installation ${installationId} (any more).`,
            fix: 'Correct github.app.installationId, or leave it out: then the installation is found by the repository.',
          },
    );
  }
  const { id, suspended_at: suspended, html_url: url, permissions: granted } = found.value;
  if (suspended)
    return err({
      class: 'auth',
      message: `The installation of the GitHub App ${appId} on ${repository.owner} is suspended.`,
      fix: `Unsuspend it at ${url}.`,
    });
  const missing = missingPermissions(granted as Granted);
  if (missing.length > 0)
    return err({
      class: 'auth',
      message: `The GitHub App ${appId} lacks permissions on ${fullName(repository)}: ${missing.join(', ')}.`,
      fix: `Add them in the settings of the app, then accept the change at ${url}.`,
    });
  return ok({ id, permissions: { ...needed, ...grantedOf(granted as Granted) } });
}

/** Those of the needed permissions that an installation has not been given, as GitHub's settings name them. Pure. */
export function missingPermissions(granted: Granted): string[] {
  return Object.entries(needed)
    .filter(([name, level]) => granted[name] !== level)
    .map(([name, level]) => `${name.replace('_', ' ')}: ${level}`);
}

function grantedOf(granted: Granted): Record<string, 'read' | 'write'> {
  const enough = ([name, level]: readonly [string, string]): boolean => granted[name] === level || granted[name] === 'write';
  return Object.fromEntries(Object.entries(useful).filter(enough));
}

function mintFailure(
  appId: string,
  repository: RepositoryRef,
  { status, failure }: { readonly status: number; readonly failure: Failure },
): Failure {
  if (status === 401) return wrongKey(appId, failure);
  // Between the look-up and now it was removed, suspended or narrowed; 422 names repositories outside the installation.
  if (status === 404 || status === 422) return notInstalled(appId, repository);
  if (status === 403 && failure.class === 'auth')
    return {
      class: 'auth',
      message: `The GitHub App ${appId} gets no token for ${fullName(repository)}: ${failure.message}`,
      fix: 'Look at the installation in the settings of the organisation: it may be suspended.',
    };
  return failure;
}

const notInstalled = (appId: string, repository: RepositoryRef): Failure => ({
  class: 'auth',
  message: `The GitHub App ${appId} is not installed on ${fullName(repository)}.`,
  fix: `Install it for ${repository.owner}, and choose ${repository.name} (or all repositories) in the installation's settings.`,
});

const wrongKey = (appId: string, failure: Failure): Failure =>
  failure.message.includes('private key')
    ? failure
    : {
        class: 'auth',
        message: `GitHub does not accept the private key of the app ${appId}: ${failure.message}`,
        fix: 'Check github.app.appId, and that the key is one of this app; make a new key in the settings of the app if in doubt.',
      };
