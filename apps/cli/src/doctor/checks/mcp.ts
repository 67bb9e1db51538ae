import type { McpServer } from 'cyrus-core/config/mcp';
import type { ConfigError } from 'cyrus-core/config/parse';
import type { RepositoryConfig } from 'cyrus-core/config/schema';
import { toolEnvironment } from 'cyrus-edge-worker/jobs/tool-environment';
import { loadServers } from 'cyrus-edge-worker/mcp/load-servers';
import type { Check, ConfiguredPatient } from '../check.ts';
import { error, type Finding, ok, warning } from '../finding.ts';
import { missingOf } from './check-commands.ts';

const nameOf = (id: string): string => `MCP servers of ${id}`;

/** @param mistakes at least one */
export function judgeMcpMistakes(id: string, [first, ...more]: readonly ConfigError[]): Finding {
  const others = more.length > 0 ? ` (and ${more.length} more)` : '';
  return error(nameOf(id), `${first?.path} is ${first?.value}, allowed is ${first?.allowed}${others}`, {
    why: 'Tasks of this repository end at once and say so.',
    fix: `${first?.fix ?? ''}. cyrus config validate shows every mistake.`,
  });
}

/** @param missing commands that are not there where agents run */
export function judgeMcpServers(id: string, servers: Readonly<Record<string, McpServer>>, missing: readonly string[]): Finding {
  const lost = Object.entries(servers).filter(([, server]) => server.type === 'stdio' && missing.includes(server.command));
  if (lost.length > 0)
    return error(
      nameOf(id),
      `${lost.map(([name, server]) => `${name} (${'command' in server ? server.command : ''})`).join(', ')} cannot be found in the sandbox`,
      {
        why: 'Agents start these servers inside the sandbox; without them they work without their tools.',
        fix: 'Install the command system-wide (/usr/bin, /usr/local/bin), or show its directory to agents: "sandbox": {"readable": ["/path/whose/bin/has/it"]}.',
      },
    );
  const each = Object.entries(servers).map(([name, server]) =>
    server.type === 'stdio'
      ? `${name} (started in the sandbox: ${server.command})`
      : `${name} (asked from outside: ${new URL(server.url).host})`,
  );
  return ok(nameOf(id), each.length === 0 ? 'none' : each.join(', '));
}

export const mcpCheck: Check<ConfiguredPatient> = {
  name: 'MCP servers',
  async run({ config, home, environment, sandbox, signal }) {
    const look = async (repository: RepositoryConfig): Promise<readonly Finding[]> => {
      const { id } = repository;
      const loaded = await loadServers(home.directory, repository, environment);
      if (!loaded.ok) return [judgeMcpMistakes(id, loaded.error)];
      const { servers, warnings } = loaded.value;
      const commands = [...new Set(Object.values(servers).flatMap((server) => (server.type === 'stdio' ? [server.command] : [])))];
      const tools = toolEnvironment(config.sandbox.readable ?? []);
      const missing = commands.length === 0 ? [] : await missingOf(await sandbox(), tools, commands, signal);
      const told = warnings.map(({ path, message }) =>
        warning(nameOf(id), `${path} ${message}`, {
          why: 'It does not do what it seems to say.',
          fix: 'Change it, or take it out of the file.',
        }),
      );
      return [judgeMcpServers(id, servers, missing), ...told];
    };
    const named = config.repositories.filter(({ isActive, mcpConfigPath }) => isActive && mcpConfigPath !== undefined);
    return (await Promise.all(named.map(look))).flat();
  },
};
