import type { Failure } from 'cyrus-core/failure';
import { fileBlobs } from './file-blobs.ts';
import { gitlinksOf, submoduleEntries } from './gitlinks.ts';
import type { Mirror } from './mirror.ts';

export interface PublishableRequest {
  readonly mirror: Mirror;
  readonly head: string;
  readonly maxFileBytes: number;
  /** Files of the user that were copied into the checkout. */
  readonly copied: readonly string[];
  /** Where they were copied from: what is there now is looked for under other names as well. */
  readonly source?: string | undefined;
  /** Commits and refs: what they hold is published already. Absent: all branches of the remote. */
  readonly there?: readonly string[];
}

const mending =
  'Take it out of the commits themselves (git rebase, or git reset --soft and a new commit), not only out of the last one, and out of those that were there when you began.';

/**
 * What of the work must not leave this machine, in words for the agent that made it; undefined: nothing. Looks at every commit
 * that the remote does not have, whoever made it: what one adds and a later one deletes is published too, and so is what the work began at.
 */
export async function unpublishable(request: PublishableRequest): Promise<Failure | undefined> {
  const { mirror, head, copied, there } = request;
  const git = (did: string, args: readonly string[], input = '') =>
    mirror.git.run({ did, gitDir: mirror.directory, args, input, maxOutputBytes: 256 * 1024 * 1024 });
  // What the agent merged from the remote is there already.
  const known = ['--not', ...(there ?? ['--remotes=origin'])];
  const [log, objects] = await Promise.all([
    git('list the files of the commits', [
      ...['log', '-z', '--format=', '--raw', '--no-abbrev', '--no-renames', '-m', '--no-ext-diff', '--no-textconv'],
      ...[head, ...known, '--'],
    ]),
    git('list what is new', ['rev-list', '--objects', '--no-object-names', head, ...known]),
  ]);
  const touched = entriesOf(log.stdout);
  const paths = new Set(touched.map(({ path }) => path));
  // Where the case of a name says nothing, another spelling is the same file.
  const spelled = new Set([...paths].map((path) => path.toLowerCase()));
  const renamed = await copiesOf(request, objects.stdout, touched);
  const secret = [...copied.filter((path) => spelled.has(path.toLowerCase())), ...renamed];
  if (secret.length > 0)
    return refused(`The agent committed ${named(secret)}, copied from the user's own checkout by .worktreeinclude.`, mending);
  const inGit = [...paths].filter((path) => path.split('/').some((part) => /^(?:\.git|git~1)$/i.test(part)));
  const moved = gitDirectories(paths);
  if (inGit.length > 0 || moved.length > 0)
    return refused(
      `The work holds the inside of a git repository as files (${named([...moved, ...inGit])}).`,
      `${mending} A renamed .git is to get its name back.`,
    );
  const nested = await nestedRepositories(request, known, touched);
  if (nested.length > 0)
    return refused(
      `The work holds a repository inside the repository (${named(nested)}): git keeps only its commit's name, none of its files.`,
      `Delete its .git to keep its files, or make it a submodule with an entry in .gitmodules. ${mending}`,
    );
  const large = await largeFiles(request, objects.stdout, touched);
  if (large.length > 0)
    return refused(
      `The work holds files larger than ${request.maxFileBytes / 1024 ** 2} MB (${named(large)}), which code hosts refuse.`,
      `${mending} Generated files belong into .gitignore; limits.maxFileMb says what is too large.`,
    );
  return undefined;
}

/** Copied files that the work has under another name. */
async function copiesOf({ copied, source, head }: PublishableRequest, objects: string, touched: readonly Entry[]): Promise<string[]> {
  if (source === undefined || copied.length === 0) return [];
  const blobs = await fileBlobs(source, copied, head.length === 64 ? 'sha256' : 'sha1');
  const added = new Set(objects.split('\n'));
  return [...blobs].flatMap(([object, path]) => {
    const as = added.has(object) ? touched.find((entry) => entry.object === object)?.path : undefined;
    return as === undefined || copied.includes(as) ? [] : [`${path} (as ${as})`];
  });
}

interface Entry {
  readonly path: string;
  readonly mode: string;
  readonly object: string;
}

/** `--raw -z`: `:100644 100644 <from> <to> M\0path\0`. Deletions are no entries. */
function entriesOf(text: string): Entry[] {
  const fields = text.split('\0').filter((field) => field !== '');
  const entries: Entry[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [, mode = '', , object = ''] = (fields[at] ?? '').replace(/^\n*:/, '').split(' ');
    if (mode !== '000000') entries.push({ path: fields[at + 1] ?? '', mode, object });
  }
  return entries;
}

/** Directories that are what a `.git` is made of, under another name. */
function gitDirectories(paths: ReadonlySet<string>): string[] {
  return [...paths].flatMap((path) => {
    const directory = path.endsWith('/HEAD') ? path.slice(0, -'HEAD'.length) : undefined;
    if (directory === undefined || !paths.has(`${directory}config`)) return [];
    const inside = [...paths].some((other) => other.startsWith(`${directory}objects/`) || other.startsWith(`${directory}refs/`));
    return inside ? [directory] : [];
  });
}

async function nestedRepositories(
  { mirror, head }: PublishableRequest,
  known: readonly string[],
  touched: readonly Entry[],
): Promise<string[]> {
  const links = new Set(touched.filter(({ mode }) => mode === '160000').map(({ path }) => path));
  if (links.size === 0) return [];
  const { stdout } = await mirror.git.run({
    did: 'find what the work stands on',
    gitDir: mirror.directory,
    args: ['rev-list', '--boundary', head, ...known],
  });
  const published = stdout.split('\n').flatMap((line) => (line.startsWith('-') ? [line.slice(1)] : []));
  const [before, entries] = await Promise.all([
    Promise.all(published.map((sha) => gitlinksOf(mirror, sha))),
    submoduleEntries(mirror, head),
  ]);
  const declared = new Set(entries.map(({ path }) => path));
  return [...links].filter((path) => !before.some((had) => had.has(path)) && !declared.has(path));
}

async function largeFiles({ mirror, maxFileBytes }: PublishableRequest, objects: string, touched: readonly Entry[]): Promise<string[]> {
  const { stdout } = await mirror.git.run({
    did: 'measure what is new',
    gitDir: mirror.directory,
    input: objects,
    args: ['cat-file', '--buffer', '--batch-check=%(objectname) %(objecttype) %(objectsize)'],
  });
  const large = new Map<string, number>();
  for (const line of stdout.split('\n')) {
    const [object = '', type, size] = line.split(' ');
    if (type === 'blob' && Number(size) > maxFileBytes) large.set(object, Number(size));
  }
  return [...large].map(([object, size]) => {
    const path = touched.find((entry) => entry.object === object)?.path ?? object.slice(0, 10);
    return `${path}, ${Math.ceil((size / 1024 ** 2) * 10) / 10} MB`;
  });
}

function named(names: readonly string[]): string {
  const shown = [...new Set(names)].slice(0, 5).map((name) => name.slice(0, 200));
  const more = new Set(names).size - shown.length;
  return `${shown.join('; ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** The message is for the agent, too: the next attempt is told of it. */
const refused = (what: string, mending: string): Failure => ({
  class: 'no_evidence',
  message: `${what} It is not published. ${mending}`,
  fix: 'Write here to have it mended; what was done is kept.',
});
