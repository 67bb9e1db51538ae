import type { Config, RepositoryConfig } from './schema.ts';

/** One Linear credential and the repositories that are reached with it. */
export interface LinearWorkspace {
  /** Absent where the file names none: the credential's own workspace. */
  readonly workspaceId?: string;
  readonly token?: string;
  /** The first refresh token of the same credential. */
  readonly refreshToken?: string;
  readonly webhookSecret?: string;
  readonly repositoryIds: readonly string[];
}

/**
 * The Linear workspaces of a configuration, one entry a (workspace, credential); inactive repositories are left out.
 * A repository's own credential beats `linearWorkspaces`, which beats `linear`. Entries without one need a login or client credentials.
 */
export function linearWorkspaces(config: Config): readonly LinearWorkspace[] {
  const found = new Map<string, LinearWorkspace>();
  const add = (entry: LinearWorkspace): void => {
    const key = JSON.stringify([entry.workspaceId ?? null, entry.token ?? null, entry.refreshToken ?? null]);
    const earlier = found.get(key);
    found.set(key, earlier ? { ...earlier, repositoryIds: [...earlier.repositoryIds, ...entry.repositoryIds] } : entry);
  };
  for (const repository of config.repositories)
    if (repository.isActive) add({ ...credential(config, repository), repositoryIds: [repository.id] });
  for (const workspaceId of Object.keys(config.linearWorkspaces))
    add({ ...credential(config, { linearWorkspaceId: workspaceId }), repositoryIds: [] });
  if (config.linear.token || config.linear.refreshToken) add({ ...credential(config, {}), repositoryIds: [] });
  return [...found.values()];
}

function credential(
  config: Config,
  repository: Pick<RepositoryConfig, 'linearWorkspaceId' | 'linearToken' | 'linearRefreshToken'>,
): Omit<LinearWorkspace, 'repositoryIds'> {
  const workspaceId = repository.linearWorkspaceId ?? config.linear.workspaceId;
  const workspace = workspaceId === undefined ? undefined : config.linearWorkspaces[workspaceId];
  // Both from one place: a refresh token belongs to the access token beside it.
  const own = [repository, workspace ?? {}].find((holder) => holder.linearToken !== undefined || holder.linearRefreshToken !== undefined);
  const token = own ? own.linearToken : config.linear.token;
  const refreshToken = own ? own.linearRefreshToken : config.linear.refreshToken;
  const webhookSecret = workspace?.webhookSecret ?? config.linear.webhookSecret;
  return {
    ...(workspaceId === undefined ? {} : { workspaceId }),
    ...(token === undefined ? {} : { token }),
    ...(refreshToken === undefined ? {} : { refreshToken }),
    ...(webhookSecret === undefined ? {} : { webhookSecret }),
  };
}
