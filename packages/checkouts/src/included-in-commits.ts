import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FailureError } from 'cyrus-core/failure';
import { includePatterns } from './include-patterns.ts';
import type { Mirror } from './mirror.ts';

export interface IncludedInCommitsRequest {
  readonly mirror: Mirror;
  /** Of the base branch: its `.worktreeinclude` counts, and what it has is no secret. */
  readonly baseSha: string;
  readonly head: string;
  /** The user's own checkout: its ignore files count. One that is gone makes all that `.worktreeinclude` names count. */
  readonly source: string;
  readonly signal?: AbortSignal;
}

/**
 * Paths that commits up to `head` which no branch of the remote has added, and that `.worktreeinclude` names: files of the user that an
 * agent committed. Their own checkout may not have them any more.
 * @throws FailureError as git does
 */
export async function includedInCommits(request: IncludedInCommitsRequest): Promise<readonly string[]> {
  const { mirror, baseSha, head, signal } = request;
  const patterns = await includePatterns(mirror, baseSha);
  if (patterns === undefined) return [];
  const git = (did: string, args: readonly string[]) =>
    mirror.git.run({ did, gitDir: mirror.directory, signal, args, maxOutputBytes: 256 * 1024 * 1024 });
  const { stdout: added } = await git('list the files of unpublished commits', [
    ...['log', '-z', '--format=', '--name-only', '--diff-filter=A', '--no-renames', '-m', '--no-ext-diff', '--no-textconv'],
    ...[head, '--not', '--remotes=origin', '--'],
  ]);
  const paths = [...new Set(added.split('\0').map((path) => path.replace(/^\n+/, '')))].filter((path) => path !== '');
  if (paths.length === 0) return [];
  const named = await namedBy(request, patterns, paths);
  if (named.length === 0) return [];
  const { stdout: there } = await git('list the files', ['ls-tree', '-r', '-z', '--name-only', baseSha]);
  const published = new Set(there.split('\0'));
  return ignoredBy(
    request,
    named.filter((path) => !published.has(path)),
  );
}

/** Asked in an empty directory, where no ignore file has a say. */
async function namedBy({ mirror, signal }: IncludedInCommitsRequest, patterns: string, paths: readonly string[]): Promise<string[]> {
  const place = await mkdtemp(join(tmpdir(), 'cyrus-include-'));
  const file = join(place, 'patterns');
  try {
    await writeFile(file, patterns);
    const { stdout } = await mirror.git.run({
      ...{ did: 'match the files to copy', cwd: place, gitDir: mirror.directory, signal, input: listed(paths), answers: [1] },
      config: { 'core.bare': 'false', 'core.excludesFile': file },
      args: [`--work-tree=${place}`, 'check-ignore', '--no-index', '-z', '--stdin'],
    });
    return split(stdout);
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

async function ignoredBy({ mirror, source, signal }: IncludedInCommitsRequest, paths: readonly string[]): Promise<readonly string[]> {
  if (paths.length === 0) return [];
  try {
    const { stdout } = await mirror.git.run({
      ...{ did: 'ask what is ignored', signal, input: listed(paths), answers: [1] },
      args: ['-C', source, 'check-ignore', '--no-index', '-z', '--stdin'],
    });
    return split(stdout);
  } catch (error) {
    if (error instanceof FailureError && !signal?.aborted) return paths;
    throw error;
  }
}

const listed = (paths: readonly string[]): string => paths.map((path) => `${path}\0`).join('');
const split = (text: string): string[] => text.split('\0').filter((path) => path !== '');
