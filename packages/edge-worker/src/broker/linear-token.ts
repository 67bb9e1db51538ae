import type { Config } from 'cyrus-core/config/schema';

/** The token for a workspace: its own, a repository's of that workspace, else the one of the whole configuration. */
export function linearTokenOf(config: Config, workspace: string): string | undefined {
  const own = config.linearWorkspaces[workspace]?.linearToken;
  if (own !== undefined) return own;
  const repository = config.repositories.find(
    ({ linearWorkspaceId, linearToken }) => linearWorkspaceId === workspace && linearToken !== undefined,
  );
  if (repository?.linearToken !== undefined) return repository.linearToken;
  const { token, workspaceId } = config.linear;
  return workspaceId === undefined || workspaceId === workspace ? token : undefined;
}

/** The workspaces that the configuration names. */
export function configuredWorkspaces(config: Config): readonly string[] {
  const named = [
    ...Object.keys(config.linearWorkspaces),
    ...config.repositories.flatMap(({ linearWorkspaceId }) => linearWorkspaceId ?? []),
    ...(config.linear.workspaceId === undefined ? [] : [config.linear.workspaceId]),
  ];
  return [...new Set(named)];
}
