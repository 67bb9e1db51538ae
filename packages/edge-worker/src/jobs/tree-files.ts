import type { Mirror } from 'cyrus-checkouts/mirror';

/** A file of a commit. */
export interface TreeFile {
  readonly content: string;
  readonly executable: boolean;
}

/** Larger files are no manifest and no script that anyone wrote. */
const maxBytes = 1024 * 1024;

/**
 * Reads files of a commit from the mirror; those that are not there, too large, or no plain files (a link could lead anywhere)
 * are left out.
 */
export async function readTreeFiles(mirror: Mirror, sha: string, paths: readonly string[]): Promise<Map<string, TreeFile>> {
  const files = new Map<string, TreeFile>();
  if (paths.length === 0) return files;
  const git = (args: readonly string[]) => mirror.git.run({ did: 'read files of a commit', gitDir: mirror.directory, args });
  return mirror.lock.shared(async () => {
    const { stdout } = await git(['ls-tree', '-z', '-l', '--full-tree', sha, '--', ...paths]);
    for (const entry of stdout.split('\0')) {
      const match = /^(100644|100755) blob ([0-9a-f]+) +(\d+)\t(.+)$/s.exec(entry);
      const [, mode, blob = '', size, path = ''] = match ?? [];
      if (!match || Number(size) > maxBytes || !paths.includes(path)) continue;
      const { stdout: content } = await git(['cat-file', 'blob', blob]);
      files.set(path, { content, executable: mode === '100755' });
    }
    return files;
  });
}

export function contents(files: ReadonlyMap<string, TreeFile>): Map<string, string> {
  return new Map([...files].map(([path, { content }]) => [path, content]));
}
