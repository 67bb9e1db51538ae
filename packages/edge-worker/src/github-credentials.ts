import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import type { Clock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import type { GithubAppConfig } from 'cyrus-core/config/services';
import type { Failure } from 'cyrus-core/failure';
import { err, ok, type Result } from 'cyrus-core/result';
import { type AppTokens, createAppTokens } from 'cyrus-github/app-tokens';
import { fixedToken, type TokenSource } from 'cyrus-github/token-source';
import type { GithubAccess } from './broker/repository-access.ts';

/** The tokens this process works with on GitHub; one of these serves jobs and brokers alike. */
export interface GithubCredentials {
  /** Where the token of a repository comes from: the one configured, or the app's for this repository alone. */
  source(access: GithubAccess): TokenSource;
  /** The app in the configuration; null without one. */
  app(): Promise<Result<AppTokens, Failure>> | null;
  /** What an app may reach has changed. */
  forget(): void;
  /** Tokens that were given out: for masking. */
  secrets(): readonly string[];
}

interface Opened {
  readonly key: string;
  readonly tokens: Promise<Result<AppTokens, Failure>>;
}

export function createGithubCredentials({ config, clock }: { readonly config: () => Config; readonly clock: Clock }): GithubCredentials {
  let opened: Opened | undefined;
  let current: AppTokens | undefined;
  let ended: readonly string[] = [];

  function app(): Promise<Result<AppTokens, Failure>> | null {
    const { app: settings, apiUrl } = config().github;
    if (!settings) return null;
    const key = JSON.stringify([apiUrl, settings]);
    if (opened?.key === key) return opened.tokens;
    const tokens = open(apiUrl, settings);
    opened = { key, tokens };
    return tokens;
  }

  async function open(apiUrl: string, settings: GithubAppConfig): Promise<Result<AppTokens, Failure>> {
    const { appId, installationId } = settings;
    const key = await privateKeyOf(settings);
    if (!key.ok) {
      // Read again at the next need: the file may have come by then.
      opened = undefined;
      return key;
    }
    ended = [...ended, ...(current?.given() ?? [])];
    const where = installationId === undefined ? {} : { installationId };
    current = createAppTokens({ apiUrl, appId: String(appId), privateKey: key.value, clock, ...where });
    return ok(current);
  }

  return {
    app,
    source({ credential, repository }) {
      if (credential.kind === 'token') return fixedToken(credential.token);
      return {
        async token() {
          const tokens = await app();
          if (tokens === null) return err({ class: 'auth', message: 'There is no GitHub App in the configuration any more.' });
          return tokens.ok ? tokens.value.of(repository).token() : tokens;
        },
        refused: (token, date) => current?.of(repository).refused(token, date) ?? false,
      };
    },
    forget: () => current?.forget(),
    secrets: () => [...ended, ...(current?.given() ?? [])],
  };
}

/** The file of the app's key with the home directory in it; undefined when the key is given as text. */
export function privateKeyFile(app: GithubAppConfig): string | undefined {
  return app.privateKey === undefined ? app.privateKeyPath?.replace(/^~(?=\/)/, homedir()) : undefined;
}

async function privateKeyOf(app: GithubAppConfig): Promise<Result<string, Failure>> {
  const file = privateKeyFile(app);
  if (file === undefined) return ok(app.privateKey ?? '');
  try {
    return ok(await readFile(file, 'utf8'));
  } catch (error) {
    return err({
      class: 'auth',
      message: `The private key of the GitHub App ${app.appId} cannot be read: ${(error as Error).message}`,
      fix: 'Correct github.app.privateKeyPath, and let the account that Cyrus runs as read the file.',
    });
  }
}
