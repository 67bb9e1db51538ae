import type { Config } from 'cyrus-core/config/schema';
import { linearWorkspaces } from 'cyrus-core/config/workspaces';

/** The token for a workspace; a credential without a named workspace serves every one that has none of its own. */
export function linearTokenOf(config: Config, workspace: string): string | undefined {
  const credentials = linearWorkspaces(config).filter(({ token }) => token !== undefined);
  const own = credentials.find(({ workspaceId }) => workspaceId === workspace);
  return (own ?? credentials.find(({ workspaceId }) => workspaceId === undefined))?.token;
}

/** The workspaces that the configuration names. */
export function configuredWorkspaces(config: Config): readonly string[] {
  return [...new Set(linearWorkspaces(config).flatMap(({ workspaceId }) => workspaceId ?? []))];
}
