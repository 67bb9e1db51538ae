import type { Mirror } from './mirror.ts';

/** What a commit keeps in Git LFS. */
export interface LfsUse {
  /** Patterns of .gitattributes, as paths of the repository. */
  readonly patterns: readonly string[];
  /** Files that are pointers in git. */
  readonly files: readonly string[];
}

const attributes = ':(glob)**/.gitattributes';
const pointerStart = 'version https://git-lfs.github.com/spec/v1';

/** Undefined: no .gitattributes of the commit says `filter=lfs`. */
export async function lfsUse(mirror: Mirror, sha: string): Promise<LfsUse | undefined> {
  const grep = (args: readonly string[]) =>
    mirror.git.run({ did: 'look for large files', gitDir: mirror.directory, answers: [1], args: ['grep', '-z', ...args] });
  const rules = await grep(['-I', '-e', 'filter=lfs', sha, '--', attributes]);
  const patterns = rules.stdout.split('\n').flatMap((line) => patternOf(line.slice(sha.length + 1)));
  if (patterns.length === 0) return undefined;
  const found = await grep(['-l', '-I', '-F', '-e', pointerStart, sha, '--', ...patterns.map((pattern) => `:(glob)${pattern}`)]);
  const files = found.stdout
    .split('\0')
    .filter((name) => name !== '')
    .map((name) => name.slice(sha.length + 1));
  return { patterns, files };
}

/** `assets/.gitattributes\0*.bin filter=lfs …` is the same below `assets`. */
function patternOf(line: string): string[] {
  const [file = '', rule = ''] = line.split('\0');
  const [, quoted, plain] = /^\s*(?:"((?:[^"\\]|\\.)+)"|([^\s#"]\S*))\s.*\bfilter=lfs\b/.exec(rule) ?? [];
  const pattern = quoted?.replace(/\\(.)/g, '$1') ?? plain;
  if (pattern === undefined) return [];
  const directory = file.slice(0, -'.gitattributes'.length);
  const bare = pattern.replace(/^\//, '').replace(/\/$/, '/**');
  return [pattern.includes('/') ? `${directory}${bare}` : `${directory}**/${bare}`];
}

/** A file of a commit that git knows by a pointer. */
export interface LfsPointer {
  readonly path: string;
  readonly oid: string;
  readonly size: number;
}

const maxPointerBytes = 1_024;

/** What the pointers at these paths of a commit say. */
export async function lfsPointers(mirror: Mirror, sha: string, paths: readonly string[]): Promise<LfsPointer[]> {
  if (paths.length === 0) return [];
  const listed = await mirror.git.run({ did: 'list large files', gitDir: mirror.directory, args: ['ls-tree', '-r', '-z', sha] });
  const wanted = new Set(paths);
  const blobs = listed.stdout.split('\0').flatMap((entry) => {
    const [, blob, path] = /^100(?:644|755) blob ([0-9a-f]+)\t(.+)$/s.exec(entry) ?? [];
    return blob !== undefined && path !== undefined && wanted.has(path) ? [{ blob, path }] : [];
  });
  return readPointers(mirror, blobs);
}

/** Pointers in commits that the remote does not have yet. */
export async function newPointers(mirror: Mirror, head: string): Promise<LfsPointer[]> {
  const git = (args: readonly string[], input = '') =>
    mirror.git.run({ did: 'list new large files', gitDir: mirror.directory, args, input, maxOutputBytes: 256 * 1024 * 1024 });
  const listed = await git(['rev-list', '--objects', head, '--not', '--remotes=origin']);
  const paths = new Map(
    listed.stdout.split('\n').map((line): [string, string] => [line.split(' ', 1)[0] ?? '', line.slice(line.indexOf(' ') + 1)]),
  );
  const checked = await git(
    ['cat-file', '--buffer', '--batch-check=%(objectname) %(objecttype) %(objectsize)'],
    [...paths.keys()].filter(Boolean).join('\n'),
  );
  const small = checked.stdout.split('\n').flatMap((line) => {
    const [blob = '', type, size] = line.split(' ');
    return type === 'blob' && Number(size) <= maxPointerBytes ? [{ blob, path: paths.get(blob) ?? blob }] : [];
  });
  return readPointers(mirror, small);
}

async function readPointers(mirror: Mirror, blobs: readonly { readonly blob: string; readonly path: string }[]): Promise<LfsPointer[]> {
  const { stdout } = await mirror.git.run({
    did: 'read pointers of large files',
    gitDir: mirror.directory,
    input: blobs.map(({ blob }) => `${blob}\n`).join(''),
    args: ['cat-file', '--buffer', '--batch'],
  });
  const found = new Map<string, { oid: string; size: number }>();
  const pattern =
    /^([0-9a-f]+) blob \d+\nversion https:\/\/git-lfs\.github\.com\/spec\/v1\n(?:ext-[^\n]*\n)*oid sha256:([0-9a-f]{64})\nsize (\d{1,15})$/gm;
  for (const [, blob = '', oid = '', size] of stdout.matchAll(pattern)) found.set(blob, { oid, size: Number(size) });
  return blobs.flatMap(({ blob, path }) => {
    const pointer = found.get(blob);
    return pointer === undefined ? [] : [{ path, ...pointer }];
  });
}
