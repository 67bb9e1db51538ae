import type { Clock, Instant } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import { linearWorkspaces } from 'cyrus-core/config/workspaces';
import { isApiKey } from 'cyrus-linear/client';
import { createTokenStore, type StoredTokens } from 'cyrus-linear/token-store';
import { tokenDirectory } from './linear-clients.ts';
import { configuredMark, type LinearSource, linearSourceOf, loginKey } from './linear-token.ts';

/** How one workspace of Linear is reached. No token in it. */
export interface LinearLogin {
  /** Null: whichever the configuration's unnamed credential belongs to. */
  readonly workspace: string | null;
  readonly workspaceName: string | null;
  readonly kind: 'api-key' | 'access-token' | 'refresh-token' | 'login' | 'client-credentials';
  /** Of the access token in use; null where it is not known or does not end. */
  readonly expiresAt: Instant | null;
  readonly state: 'ready' | 'not_used_yet' | 'logged_out' | 'revoked';
}

/** Every workspace that the configuration or a login gives access to, from what is here: Linear is not asked. */
export async function linearLogins(config: Config, home: string, clock: Clock): Promise<readonly LinearLogin[]> {
  const store = createTokenStore(tokenDirectory(home), clock);
  const prefix = loginKey('');
  const kept = (await store.keys()).filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
  const logins = new Map<string, StoredTokens>();
  for (const workspace of kept) logins.set(workspace, (await store.read(loginKey(workspace)).catch(() => undefined)) ?? {});
  const named = linearWorkspaces(config).flatMap(({ workspaceId, token, refreshToken }) =>
    workspaceId !== undefined && (token ?? refreshToken) !== undefined ? workspaceId : [],
  );
  const found: LinearLogin[] = [];
  for (const workspace of new Set([...named, ...kept])) {
    const source = linearSourceOf(config, workspace, logins.get(workspace));
    if (source) found.push(await describe(source, workspace, logins.get(workspace)));
  }
  const unnamed = linearSourceOf(config, undefined, undefined);
  const mark = configuredMark(config, undefined);
  // A login made over the unnamed credential stands in its place.
  const replaced = [...logins.values()].some((login) => !login.gone && (mark === undefined || login.configured === mark));
  if (unnamed && !replaced) found.push(await describe(unnamed, undefined, undefined));
  return found;

  async function describe(source: LinearSource, workspace: string | undefined, login: StoredTokens | undefined): Promise<LinearLogin> {
    const stored = await store.read(source.key).catch(() => undefined);
    const ready = source.kind === 'fixed' || stored?.accessToken !== undefined;
    return {
      workspace: workspace ?? null,
      workspaceName: login?.workspaceName ?? stored?.workspaceName ?? null,
      kind: kindOf(source),
      expiresAt: stored?.expiresAt ?? null,
      state: stored?.gone ?? (ready ? 'ready' : 'not_used_yet'),
    };
  }
}

function kindOf(source: LinearSource): LinearLogin['kind'] {
  switch (source.kind) {
    case 'fixed':
      return isApiKey(source.token) ? 'api-key' : 'access-token';
    case 'configured':
      return 'refresh-token';
    case 'login':
      return 'login';
    case 'client':
      return 'client-credentials';
  }
}
