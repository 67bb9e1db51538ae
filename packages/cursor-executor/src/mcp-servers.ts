/** Servers by name, or a whole `{mcpServers: …}` file, as the list that Cursor wants. What is no server is left out. */
export function mcpServersOf(config: Readonly<Record<string, unknown>> | undefined): readonly Readonly<Record<string, unknown>>[] {
  const servers = config?.['mcpServers'] ?? config ?? {};
  if (typeof servers !== 'object' || servers === null) return [];
  return Object.entries(servers).flatMap(([name, server]: [string, unknown]) =>
    typeof server === 'object' && server !== null && ('command' in server || 'url' in server) ? [{ ...server, name }] : [],
  );
}
