import { FailureError } from 'cyrus-core/failure';
import type { Mirror } from './mirror.ts';

export interface Commit {
  readonly sha: string;
  /** The first line, at most 500 characters. */
  readonly subject: string;
  readonly author: string;
}

export interface ChangedFile {
  readonly path: string;
  readonly status: 'added' | 'modified' | 'deleted' | 'renamed' | 'copied' | 'typechange';
  /** Of a rename or a copy. */
  readonly from?: string;
  /** Absent for binary files, as `deletions`. */
  readonly insertions?: number;
  readonly deletions?: number;
}

export interface Evidence {
  readonly base: string;
  readonly head: string;
  /** `descends`: head was made on base. `diverged`: on an older commit of it. `unrelated`: they share no history. Only the first counts as work. */
  readonly relation: 'descends' | 'diverged' | 'unrelated';
  /** Oldest first, at most 500; `commitCount` is exact. */
  readonly commits: readonly Commit[];
  readonly commitCount: number;
  /** At most 2000; `totals` count all. */
  readonly files: readonly ChangedFile[];
  readonly totals: { readonly files: number; readonly insertions: number; readonly deletions: number };
  /** Paths that name a commit of another repository, where they name another one than before; null: none. */
  readonly submodules: readonly { readonly path: string; readonly from: string | null; readonly to: string | null }[];
}

const maxCommits = 500;
const maxFiles = 2_000;
const maxSubject = 500;

/**
 * What happened between two commits, read from the mirror alone.
 * @throws FailureError `no_evidence` when one of them is not in the mirror
 */
export async function readEvidence(mirror: Mirror, range: { readonly base: string; readonly head: string }): Promise<Evidence> {
  const [base, head] = await Promise.all([known(mirror, range.base), known(mirror, range.head)]);
  const git = (did: string, args: readonly string[], answers: readonly number[] = []) =>
    mirror.git.run({ did, gitDir: mirror.directory, args, answers });
  const [ancestor, common, count, log, { files, submodules }] = await Promise.all([
    git('compare the commits', ['merge-base', '--is-ancestor', base, head], [1]),
    git('compare the commits', ['merge-base', base, head], [1]),
    git('count the commits', ['rev-list', '--count', `${base}..${head}`]),
    git('list the commits', [
      'log',
      `--max-count=${maxCommits}`,
      '--no-show-signature',
      '-z',
      '--format=%H%n%<(200,trunc)%an%n%<(2000,trunc)%s',
      `${base}..${head}`,
    ]),
    changedFiles(mirror, base, head),
  ]);
  return {
    base,
    head,
    relation: ancestor.code === 0 ? 'descends' : common.code === 0 ? 'diverged' : 'unrelated',
    commits: log.stdout.split('\0').filter(Boolean).map(commitOf).reverse(),
    commitCount: Number(count.stdout),
    files: files.slice(0, maxFiles),
    totals: {
      files: files.length,
      insertions: files.reduce((sum, file) => sum + (file.insertions ?? 0), 0),
      deletions: files.reduce((sum, file) => sum + (file.deletions ?? 0), 0),
    },
    submodules,
  };
}

/** The change as a patch, cut after `maxBytes`. */
export async function readDiff(
  mirror: Mirror,
  range: { readonly base: string; readonly head: string; readonly maxBytes: number },
): Promise<{ readonly text: string; readonly truncated: boolean }> {
  const [base, head] = await Promise.all([known(mirror, range.base), known(mirror, range.head)]);
  const { stdout, truncated } = await mirror.git.run({
    did: 'read the changes',
    gitDir: mirror.directory,
    maxOutputBytes: range.maxBytes,
    truncate: true,
    args: ['diff-tree', '-r', '-p', '-M', '--no-color', '--no-ext-diff', '--no-textconv', '--no-commit-id', base, head, '--'],
  });
  return { text: stdout, truncated };
}

async function known(mirror: Mirror, name: string): Promise<string> {
  const sha = await mirror.resolve(name);
  if (sha === undefined) throw new FailureError({ class: 'no_evidence', message: `Commit ${name} is not in the mirror of ${mirror.id}.` });
  return sha;
}

function commitOf(text: string): Commit {
  const [sha = '', author = '', ...subject] = text.split('\n');
  return { sha, author: author.trim(), subject: subject.join(' ').trim().slice(0, maxSubject) };
}

const statuses: Readonly<Record<string, ChangedFile['status']>> = {
  A: 'added',
  M: 'modified',
  D: 'deleted',
  R: 'renamed',
  C: 'copied',
  T: 'typechange',
};

interface Changes {
  readonly files: ChangedFile[];
  readonly submodules: Evidence['submodules'];
}

async function changedFiles(mirror: Mirror, base: string, head: string): Promise<Changes> {
  const options = ['diff-tree', '-r', '-z', '-M', '--no-ext-diff', '--no-textconv', '--no-commit-id', '--no-abbrev'];
  const [raw, numbers] = await Promise.all(
    ['--raw', '--numstat'].map((format) =>
      mirror.git.run({ did: 'list the changed files', gitDir: mirror.directory, args: [...options, format, base, head, '--'] }),
    ),
  );
  const counts = parseCounts(numbers?.stdout ?? '');
  const { files, submodules } = parseRaw(raw?.stdout ?? '');
  return { files: files.map((file) => ({ ...file, ...counts.get(file.path) })), submodules };
}

const gitlink = '160000';

/** `--raw -z`: `:100644 100644 <from> <to> M\0path\0`, `:… R100\0from\0to\0`. */
function parseRaw(text: string): Changes {
  const fields = text.split('\0');
  const files: ChangedFile[] = [];
  const submodules: { path: string; from: string | null; to: string | null }[] = [];
  for (let at = 0; at + 1 < fields.length; ) {
    const [fromMode = '', toMode = '', from = '', to = '', letters = ''] = (fields[at] ?? '').slice(1).split(' ');
    const letter = letters[0] ?? '';
    const pair = letter === 'R' || letter === 'C';
    const path = fields[at + (pair ? 2 : 1)] ?? '';
    files.push({ path, status: statuses[letter] ?? 'modified', ...(pair ? { from: fields[at + 1] ?? '' } : {}) });
    if (fromMode === gitlink || toMode === gitlink)
      submodules.push({ path, from: fromMode === gitlink ? from : null, to: toMode === gitlink ? to : null });
    at += pair ? 3 : 2;
  }
  return { files, submodules };
}

/** `--numstat -z`: `1\t2\tpath\0`, `1\t2\t\0from\0to\0`, `-\t-\tpath\0` for binary files. */
function parseCounts(text: string): Map<string, { insertions: number; deletions: number }> {
  const fields = text.split('\0');
  const counts = new Map<string, { insertions: number; deletions: number }>();
  for (let at = 0; at < fields.length; at++) {
    const [insertions = '', deletions = '', ...rest] = (fields[at] ?? '').split('\t');
    if (rest.length === 0) continue;
    const inline = rest.join('\t');
    const path = inline === '' ? (fields[at + 2] ?? '') : inline;
    if (inline === '') at += 2;
    if (insertions !== '-') counts.set(path, { insertions: Number(insertions), deletions: Number(deletions) });
  }
  return counts;
}
