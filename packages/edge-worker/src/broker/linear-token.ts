import type { Config } from 'cyrus-core/config/schema';
import { linearWorkspaces } from 'cyrus-core/config/workspaces';
import { fingerprint, type StoredTokens } from 'cyrus-linear/token-store';

/** Where the token of a workspace comes from. `key`: of what is kept of it in the home. */
export type LinearSource =
  /** As it is in the configuration: an API key or an access token. */
  | { readonly kind: 'fixed'; readonly key: string; readonly token: string }
  /** From the configuration's first refresh token on. */
  | { readonly kind: 'configured'; readonly key: string; readonly refreshToken: string; readonly accessToken?: string }
  /** From `cyrus linear login`. */
  | { readonly kind: 'login'; readonly key: string }
  /** Minted by the application for itself. */
  | { readonly kind: 'client'; readonly key: string };

/** What the configuration says for a workspace, as it is remembered beside a login: a changed one beats the login. */
export function configuredMark(config: Config, workspace: string | undefined): string | undefined {
  const { refreshToken, token } = credentialOf(config, workspace) ?? {};
  const secret = refreshToken ?? token;
  return secret === undefined ? undefined : fingerprint(secret);
}

export const loginKey = (workspace: string): string => `login-${workspace}`;

/**
 * Picks the source of a workspace's token: a login, unless the configuration was given another token since; else the
 * configuration's token; else client credentials. A credential without a named workspace serves every one that has none of its own.
 * @param login what the home keeps of a login to this workspace
 */
export function linearSourceOf(config: Config, workspace: string | undefined, login: StoredTokens | undefined): LinearSource | undefined {
  const { refreshToken, token } = credentialOf(config, workspace) ?? {};
  const mark = configuredMark(config, workspace);
  const own = workspace === undefined || login === undefined ? undefined : ({ kind: 'login', key: loginKey(workspace) } as const);
  if (own && !login?.gone && (mark === undefined || login?.configured === mark)) return own;
  if (refreshToken !== undefined)
    return { kind: 'configured', key: `refresh-${mark}`, refreshToken, ...(token === undefined ? {} : { accessToken: token }) };
  if (token !== undefined) return { kind: 'fixed', key: `token-${mark}`, token };
  const { clientId, clientSecret } = config.linear;
  if (clientId !== undefined && clientSecret !== undefined)
    return { kind: 'client', key: `app-${fingerprint(`${clientId} ${clientSecret}`)}` };
  return own;
}

/** The workspaces that the configuration names. */
export function configuredWorkspaces(config: Config): readonly string[] {
  return [...new Set(linearWorkspaces(config).flatMap(({ workspaceId }) => workspaceId ?? []))];
}

/** Whether the configuration alone gives any workspace a token. */
export function hasLinearCredential(config: Config): boolean {
  return (
    linearWorkspaces(config).some(({ token, refreshToken }) => token !== undefined || refreshToken !== undefined) ||
    (config.linear.clientId !== undefined && config.linear.clientSecret !== undefined)
  );
}

function credentialOf(
  config: Config,
  workspace: string | undefined,
): { readonly token?: string; readonly refreshToken?: string } | undefined {
  const credentials = linearWorkspaces(config).filter(({ token, refreshToken }) => token !== undefined || refreshToken !== undefined);
  const own = workspace === undefined ? undefined : credentials.find(({ workspaceId }) => workspaceId === workspace);
  return own ?? credentials.find(({ workspaceId }) => workspaceId === undefined);
}
