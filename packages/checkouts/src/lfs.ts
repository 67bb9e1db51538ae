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
