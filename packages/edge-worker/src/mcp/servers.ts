import type { McpServer } from 'cyrus-core/config/mcp';
import type { Config } from 'cyrus-core/config/schema';
import { FailureError } from 'cyrus-core/failure';
import { loadServers } from './load-servers.ts';

/** The MCP servers that the configuration gives to the agents of repositories. */
export interface McpServers {
  /**
   * The servers of a repository as its files are now; undefined: it names none.
   * @throws FailureError `invalid_request` with the first mistake of its files
   */
  of(repositoryId: string | undefined): Promise<Readonly<Record<string, McpServer>> | undefined>;
  /** What was read of secrets, for masking: also of files as they were, which agents may still be at work with. */
  secrets(): Iterable<string>;
}

export function createMcpServers(options: {
  readonly home: string;
  readonly config: () => Config;
  /** Absent: the service's own. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}): McpServers {
  const secrets = new Set<string>();
  return {
    async of(repositoryId) {
      const repository = options.config().repositories.find(({ id }) => id === repositoryId);
      if (repository?.mcpConfigPath === undefined) return undefined;
      const loaded = await loadServers(options.home, repository, options.environment ?? process.env);
      if (loaded.ok) {
        for (const secret of loaded.value.secrets) secrets.add(secret);
        return loaded.value.servers;
      }
      const [first] = loaded.error;
      const more = loaded.error.length > 1 ? ` (and ${loaded.error.length - 1} more)` : '';
      throw new FailureError({
        class: 'invalid_request',
        message: `The MCP servers of the repository ${repository.id} cannot be used: ${first?.path} is ${first?.value}, allowed is ${first?.allowed}${more}.`,
        fix: `${first?.fix}. cyrus config validate shows every mistake. Then write here to try again.`,
      });
    },
    secrets: () => secrets,
  };
}
