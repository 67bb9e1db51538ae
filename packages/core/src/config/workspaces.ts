import type { Config, RepositoryConfig } from './schema.ts';

/** One Linear credential and the repositories that are reached with it. */
export interface LinearWorkspace {
  /** Absent where the file names none: the credential's own workspace. */
  readonly workspaceId?: string;
  readonly token?: string;
  readonly webhookSecret?: string;
  readonly repositoryIds: readonly string[];
}

/**
 * The Linear workspaces of a configuration, one entry a (workspace, token); inactive repositories are left out.
 * A repository's own token beats `linearWorkspaces`, which beats `linear.token`. Entries without a token cannot be written to.
 */
export function linearWorkspaces(config: Config): readonly LinearWorkspace[] {
  const found = new Map<string, LinearWorkspace>();
  const add = (entry: LinearWorkspace): void => {
    const key = JSON.stringify([entry.workspaceId ?? null, entry.token ?? null]);
    const earlier = found.get(key);
    found.set(key, earlier ? { ...earlier, repositoryIds: [...earlier.repositoryIds, ...entry.repositoryIds] } : entry);
  };
  for (const repository of config.repositories)
    if (repository.isActive) add({ ...credential(config, repository), repositoryIds: [repository.id] });
  for (const workspaceId of Object.keys(config.linearWorkspaces))
    add({ ...credential(config, { linearWorkspaceId: workspaceId }), repositoryIds: [] });
  if (config.linear.token) add({ ...credential(config, {}), repositoryIds: [] });
  return [...found.values()];
}

function credential(
  config: Config,
  repository: Pick<RepositoryConfig, 'linearWorkspaceId' | 'linearToken'>,
): Omit<LinearWorkspace, 'repositoryIds'> {
  const workspaceId = repository.linearWorkspaceId ?? config.linear.workspaceId;
  const workspace = workspaceId === undefined ? undefined : config.linearWorkspaces[workspaceId];
  const token = repository.linearToken ?? workspace?.linearToken ?? config.linear.token;
  const webhookSecret = workspace?.webhookSecret ?? config.linear.webhookSecret;
  return {
    ...(workspaceId === undefined ? {} : { workspaceId }),
    ...(token === undefined ? {} : { token }),
    ...(webhookSecret === undefined ? {} : { webhookSecret }),
  };
}
