/** What an agent did with a tool, in a person's words. */
export function describeTool(tool: string, input: unknown): { readonly tool: string; readonly about: string } {
  const field = (name: string): string => {
    const value = (input as Record<string, unknown> | null)?.[name];
    return typeof value === 'string' ? value : '';
  };
  const short = (text: string, limit = 120): string => {
    const line = text.replace(/\s+/g, ' ').trim();
    return line.length <= limit ? line : `${line.slice(0, limit - 1)}…`;
  };
  const file = (): string =>
    short(field('file_path') || field('path') || field('notebook_path')).replace(/^.*\/checkouts\/[^/]+\/[^/]+\//, '');
  switch (tool) {
    case 'Bash':
      return { tool: 'Running', about: short(field('command')) };
    case 'Edit':
    case 'MultiEdit':
    case 'NotebookEdit':
      return { tool: 'Editing', about: file() };
    case 'Write':
      return { tool: 'Writing', about: file() };
    case 'Read':
      return { tool: 'Reading', about: file() };
    case 'Glob':
    case 'Grep':
      return { tool: 'Searching', about: short(field('pattern')) };
    default:
      // Other agents name their tools in their own way, and what goes in much alike.
      return { tool, about: short(field('description') || field('command') || field('query') || field('url')) || file() || '…' };
  }
}
