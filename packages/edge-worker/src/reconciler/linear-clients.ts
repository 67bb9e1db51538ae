import type { Clock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import { linearWorkspaces } from 'cyrus-core/config/workspaces';
import { createLinear, type LinearClient } from 'cyrus-linear/client';

export interface WorkspaceClient {
  /** Absent where the configuration does not name it: the credential's own. */
  readonly workspace: string | undefined;
  readonly client: LinearClient;
}

/** A client for every credential of the configuration as it is now; a client stays as long as its token does. */
export function createWorkspaceClients(config: () => Config, clock: Clock): () => readonly WorkspaceClient[] {
  const known = new Map<string, LinearClient>();
  return () => {
    const { apiUrl } = config().linear;
    const found = new Map<string, WorkspaceClient>();
    for (const { workspaceId, token } of linearWorkspaces(config())) {
      if (token === undefined) continue;
      const key = `${apiUrl} ${token}`;
      const client = known.get(key) ?? createLinear({ apiUrl, token, clock });
      known.set(key, client);
      // The same token may stand at several repositories.
      if (found.get(token)?.workspace === undefined) found.set(token, { workspace: workspaceId, client });
    }
    return [...found.values()];
  };
}
