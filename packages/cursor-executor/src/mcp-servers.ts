import type { ExecutionRequest } from 'cyrus-executor-interface/executor';
import { mcpServersOf } from 'cyrus-executor-interface/mcp-servers';

/** The servers of a request as the list that Cursor wants. What only Claude Code knows, and what is no server, is left out. */
export function serverList(config: ExecutionRequest['mcpConfig']): readonly Readonly<Record<string, unknown>>[] {
  return Object.entries(mcpServersOf(config)).flatMap(([name, { timeout: _, alwaysLoad: __, ...server }]) =>
    'command' in server || 'url' in server ? [{ ...server, name }] : [],
  );
}
