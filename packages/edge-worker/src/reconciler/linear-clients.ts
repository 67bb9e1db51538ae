import type { Config } from 'cyrus-core/config/schema';
import { linearWorkspaces } from 'cyrus-core/config/workspaces';
import type { LinearClient } from 'cyrus-linear/client';
import type { Database } from 'cyrus-store/pool';
import { seenWorkspaces } from 'cyrus-store/queries/reconcile-mark';
import { configuredWorkspaces, hasLinearCredential } from '../broker/linear-token.ts';

export interface WorkspaceClient {
  /** Absent as long as nothing has told which workspace the configuration's unnamed credential belongs to. */
  readonly workspace: string | undefined;
  readonly client: LinearClient;
}

/** The workspaces that there is a client for: those of the configuration, and those that something came from. */
export async function workspaceClients(
  config: Config,
  db: Database,
  find: (workspace: string | undefined) => Promise<LinearClient | undefined>,
): Promise<readonly WorkspaceClient[]> {
  const named = configuredWorkspaces(config);
  const others = (await seenWorkspaces(db)).filter((workspace) => !named.includes(workspace));
  const unnamed = linearWorkspaces(config).some(({ workspaceId }) => workspaceId === undefined) || named.length === 0;
  const nameless = unnamed && hasLinearCredential(config) && others.length === 0 ? [undefined] : [];
  const found: WorkspaceClient[] = [];
  for (const workspace of [...named, ...others, ...nameless]) {
    const client = await find(workspace);
    if (client) found.push({ workspace, client });
  }
  return found;
}
