import type { NetworkNeeds, RunNetwork } from 'cyrus-core/ports/network';
import type { ExecutionRequest } from './executor.ts';

type McpConfig = ExecutionRequest['mcpConfig'];

/** The servers of a request by their names, whether it has them so or as a whole file, `{mcpServers: …}`. What is no object is left out. */
export function mcpServersOf(config: McpConfig): Readonly<Record<string, Readonly<Record<string, unknown>>>> {
  const servers = config?.['mcpServers'] ?? config ?? {};
  return Object.fromEntries(Object.entries(servers).filter(([, server]) => typeof server === 'object' && server !== null));
}

/**
 * Opens the network of a request that is to run here. Its MCP servers that answer by HTTP are asked from outside: what is returned as
 * `mcpServers` has addresses that lead there and no headers, so that neither is within the agent's reach.
 * Without a network of the request they are returned as they are.
 */
export async function openRunNetwork(
  request: ExecutionRequest,
  needs: NetworkNeeds,
): Promise<{ readonly network: RunNetwork | undefined; readonly mcpServers: Readonly<Record<string, Readonly<Record<string, unknown>>>> }> {
  const all = mcpServersOf(request.mcpConfig);
  const remote = Object.fromEntries(
    Object.entries(all).flatMap(([name, { type, url, headers }]) =>
      typeof url === 'string' ? [[name, { type, url, headers: (headers ?? {}) as Readonly<Record<string, string>> }]] : [],
    ),
  );
  const some = Object.keys(remote).length > 0;
  const network = await request.network?.open({ ...needs, ...(some ? { mcpServers: remote } : {}) });
  // Agents connect to their servers first of all, and some try only once.
  if (some) await network?.ready.catch(() => undefined);
  const inside = network?.mcpServers ?? {};
  const mcpServers = Object.entries(all).map(([name, server]) => {
    const url = Object.hasOwn(inside, name) ? inside[name] : undefined;
    if (url === undefined) return [name, server];
    const { headers: _, ...rest } = server;
    return [name, { ...rest, url }];
  });
  return { network, mcpServers: Object.fromEntries(mcpServers) };
}
