import type { Mirror } from './mirror.ts';

/** The file of the base commit that names what to copy, in the syntax of .gitignore. */
export const includeFile = '.worktreeinclude';

const maxBytes = 64 * 1024;

/** What `.worktreeinclude` of a commit says; undefined: it has none, or not as a file of 64 KB at most. */
export async function includePatterns(mirror: Mirror, baseSha: string): Promise<string | undefined> {
  const git = (args: readonly string[]) => mirror.git.run({ did: `read ${includeFile}`, gitDir: mirror.directory, args });
  const { stdout } = await git(['ls-tree', '-z', '-l', baseSha, '--', includeFile]);
  const [, blob, size] = /^100(?:644|755) blob ([0-9a-f]+) +(\d+)\t/.exec(stdout) ?? [];
  if (blob === undefined || Number(size) > maxBytes) return undefined;
  return (await git(['cat-file', 'blob', blob])).stdout;
}
