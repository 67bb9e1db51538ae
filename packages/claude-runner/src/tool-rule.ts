/** One entry of `allowedTools` or `disallowedTools` in Claude's syntax: `Name`, `Name(specifier)`, `mcp__server`, `mcp__server__*`. */
export interface ToolRule {
  readonly text: string;
  readonly tool: string;
  /** What stands between the brackets; absent for the whole tool. `*` and `**` of a command mean the whole tool too. */
  readonly specifier?: string;
}

export function parseToolRule(text: string): ToolRule {
  const match = /^\s*([^()\s]+)\s*(?:\(([\s\S]*)\))?\s*$/.exec(text);
  if (!match?.[1]) return { text, tool: text.trim() };
  const tool = match[1] === 'Task' ? 'Agent' : match[1];
  const specifier = match[2]?.trim();
  const whole = specifier === undefined || specifier === '' || (tool === 'Bash' && ['*', '**', ':*'].includes(specifier));
  return whole ? { text, tool } : { text, tool, specifier };
}

/** Tools that read files, all held by `Read(…)` rules. */
export const readingTools: readonly string[] = ['Read', 'Glob', 'Grep', 'LS', 'NotebookRead'];
/** Tools that change files, all held by `Edit(…)` rules. */
export const editingTools: readonly string[] = ['Edit', 'Write', 'MultiEdit', 'NotebookEdit'];
/** Tools that only look after what `Bash` has started. */
const shellCompanions: readonly string[] = ['BashOutput', 'KillShell', 'KillBash', 'TaskOutput', 'TaskStop', 'Monitor'];

/** Whether `rule` speaks about `tool` at all, whatever its specifier. */
export function speaksOf(rule: ToolRule, tool: string): boolean {
  const name = tool === 'Task' ? 'Agent' : tool;
  if (rule.tool === name) return true;
  if (rule.tool === 'Read') return readingTools.includes(name);
  if (rule.tool === 'Edit') return editingTools.includes(name);
  if (rule.tool === 'Bash') return shellCompanions.includes(name);
  if (rule.tool.startsWith('mcp__')) return name.startsWith('mcp__') && matchesMcp(rule.tool, name);
  return false;
}

function matchesMcp(pattern: string, name: string): boolean {
  if (pattern.includes('*')) {
    const source = pattern
      .split('*')
      .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      .join('.*');
    return new RegExp(`^${source}$`).test(name);
  }
  return name.startsWith(`${pattern}__`);
}
