import type { Mirror } from './mirror.ts';

/** The commits that a commit names in place of directories: its submodules, and repositories that somebody added by mistake. */
export async function gitlinksOf(mirror: Mirror, sha: string): Promise<ReadonlyMap<string, string>> {
  const { stdout } = await mirror.git.run({ did: 'list the files', gitDir: mirror.directory, args: ['ls-tree', '-r', '-z', sha] });
  const links = new Map<string, string>();
  for (const entry of stdout.split('\0')) {
    const [, commit, path] = /^160000 commit ([0-9a-f]+)\t(.+)$/s.exec(entry) ?? [];
    if (commit !== undefined && path !== undefined) links.set(path, commit);
  }
  return links;
}

/** A submodule as `.gitmodules` of a commit has it. */
export interface SubmoduleEntry {
  readonly name: string;
  readonly path: string;
  readonly url: string;
  readonly skipped: boolean;
}

/** Reads `.gitmodules` of a commit; none where there is no such file, or it cannot be read. */
export async function submoduleEntries(mirror: Mirror, sha: string): Promise<readonly SubmoduleEntry[]> {
  const { stdout: listed } = await mirror.git.run({
    did: 'look for submodules',
    gitDir: mirror.directory,
    args: ['ls-tree', '-z', sha, '--', '.gitmodules'],
  });
  const blob = /^100(?:644|755) blob ([0-9a-f]+)\t/.exec(listed)?.[1];
  if (blob === undefined) return [];
  const { stdout } = await mirror.git.run({
    did: 'read .gitmodules',
    gitDir: mirror.directory,
    answers: [1, 3, 128],
    args: ['config', `--blob=${blob}`, '--list', '-z'],
  });
  const found = new Map<string, { path?: string; url?: string; skipped: boolean }>();
  for (const entry of stdout.split('\0')) {
    const [, name, key, value] = /^submodule\.(.+)\.([a-z]+)\n(.*)$/s.exec(entry) ?? [];
    if (name === undefined || value === undefined) continue;
    const known = found.get(name) ?? { skipped: false };
    if (key === 'path') known.path = value;
    if (key === 'url') known.url = value;
    if (key === 'update') known.skipped = value === 'none';
    found.set(name, known);
  }
  return [...found].flatMap(([name, { path, url, skipped }]) =>
    path === undefined || url === undefined ? [] : [{ name, path, url, skipped }],
  );
}
