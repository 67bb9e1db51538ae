/**
 * Git's patterns for the directories of a sparse checkout, in cone mode: each directory with all that is in it, and the files that are
 * beside and above it. An empty list means everything.
 * @see git-sparse-checkout(1), "Internals -- cone mode"
 */
export function conePatterns(directories: readonly string[]): string {
  const wanted = [...new Set(directories)].sort();
  const kept = wanted.filter((directory) => !wanted.some((other) => other !== directory && directory.startsWith(`${other}/`)));
  const parents = new Set<string>();
  for (const directory of kept) {
    const parts = directory.split('/');
    for (let depth = 1; depth < parts.length; depth++) parents.add(parts.slice(0, depth).join('/'));
  }
  const lines = ['/*', '!/*/'];
  const all = [...new Set([...parents, ...kept])].sort();
  for (const directory of all) {
    lines.push(`/${directory}/`);
    if (parents.has(directory)) lines.push(`!/${directory}/*/`);
  }
  return `${lines.join('\n')}\n`;
}
