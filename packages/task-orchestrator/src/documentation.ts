/** What a documentation task may change where the configuration says nothing. */
export const documentationDefault: readonly string[] = ['**/*.md', 'docs/**'];

/**
 * Whether a path of the repository is documentation. In a pattern `*` stands for anything within a name, `**` for any directories, `?` for one
 * character; what matches a directory matches everything below it.
 */
export function isDocumentation(path: string, patterns: readonly string[]): boolean {
  if (path.split('/').some((name) => name === '.git' || name === '..')) return false;
  return patterns.some((pattern) => expression(pattern).test(path));
}

function expression(pattern: string): RegExp {
  const source = pattern
    .replace(/^\.?\//, '')
    .replace(/\/$/, '')
    .split(/(\*\*\/|\*\*|\*|\?)/)
    .map((piece) => {
      if (piece === '**/') return '(?:.*/)?';
      if (piece === '**') return '.*';
      if (piece === '*') return '[^/]*';
      return piece === '?' ? '[^/]' : piece.replace(/[.+^${}()|[\]\\]/g, '\\$&');
    })
    .join('');
  return new RegExp(`^${source}(?:/.*)?$`, 's');
}
