import { constants } from 'node:fs';
import { type FileHandle, link, lstat, open, readFile, readlink, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FailureError } from 'cyrus-core/failure';
import type { Checkout } from './checkout.ts';
import { includePatterns } from './include-patterns.ts';
import { includedInCommits } from './included-in-commits.ts';
import type { Mirror } from './mirror.ts';
import { isInnerPath, makeRealParents } from './real-parents.ts';

export interface IncludeRequest {
  readonly mirror: Mirror;
  /** Its `.worktreeinclude` counts, nobody else's. */
  readonly baseSha: string;
  /** The user's own checkout: read, never changed. */
  readonly source: string;
  /** New: no agent has been in it. */
  readonly checkout: Checkout;
  readonly signal?: AbortSignal;
}

export interface Included {
  readonly files: readonly string[];
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
}

const limits = { files: 500, pathBytes: 40_000, fileBytes: 16 * 1024 ** 2, allBytes: 256 * 1024 ** 2 };
const recordFile = 'included.json';
const none: Included = { files: [], skipped: [] };

/**
 * Copies files that git ignores (an `.env`) from the user's own checkout, as `.worktreeinclude` of the base commit says. No link is
 * followed, neither a file nor a directory above one. What was copied is remembered beside the checkout: it never becomes part of work.
 * So is what commits that were not published have of it: an agent committed it, and it stays as it is there.
 * @throws FailureError as git does; what cannot be copied is no error but in `skipped`
 */
export async function includeFiles(request: IncludeRequest): Promise<Included> {
  const patterns = await includePatterns(request.mirror, request.baseSha);
  if (patterns === undefined) return none;
  const { mirror, baseSha, source, checkout, signal } = request;
  const inCommits = await includedInCommits({ mirror, baseSha, head: checkout.baseSha, source, ...(signal ? { signal } : {}) });
  const root = await realpath(request.source).catch(() => undefined);
  const wanted = root === undefined ? [] : await ignoredFiles(request, root, patterns);
  const place = dirname(checkout.directory);
  const before = new Set([...(await copiedFiles(checkout)), ...inCommits]);
  const skipped: { path: string; reason: string }[] = [];
  const chosen: string[] = [];
  let pathBytes = 0;
  for (const path of wanted) {
    if (!isInnerPath(path)) skipped.push({ path, reason: 'its name is not one of a file in a repository' });
    else if (chosen.length >= limits.files || pathBytes > limits.pathBytes)
      skipped.push({ path, reason: `more than ${limits.files} files are not copied` });
    else if (!before.has(path) && (await lstat(join(checkout.directory, path)).catch(() => undefined)))
      skipped.push({ path, reason: 'the repository has it' });
    else {
      chosen.push(path);
      pathBytes += Buffer.byteLength(path);
    }
  }
  // Written first: what a crash leaves half copied is known for what it is.
  await writeFile(join(place, `${recordFile}.new`), JSON.stringify([...new Set([...chosen, ...inCommits])]));
  await rename(join(place, `${recordFile}.new`), join(place, recordFile));
  const files = new Set(inCommits);
  let left = limits.allBytes;
  for (const path of chosen) {
    if (root === undefined) break;
    signal?.throwIfAborted();
    const outcome = await copyFile(root, path, checkout.directory, left);
    if (typeof outcome === 'string') skipped.push({ path, reason: outcome });
    else {
      files.add(path);
      left -= outcome;
    }
  }
  return { files: [...files].sort(), skipped: skipped.slice(0, 100) };
}

/** Paths of the files that were copied into a checkout; none of them may be published. */
export async function copiedFiles(checkout: Pick<Checkout, 'directory'>): Promise<readonly string[]> {
  const text = await readFile(join(dirname(checkout.directory), recordFile), 'utf8').catch(() => '[]');
  return JSON.parse(text) as string[];
}

/** What both `.worktreeinclude` and the ignore files of the checkout name. */
async function ignoredFiles({ mirror, checkout, signal }: IncludeRequest, root: string, patterns: string): Promise<string[]> {
  const file = join(dirname(checkout.directory), 'include-patterns');
  await writeFile(file, patterns);
  const git = (args: readonly string[], input = '') =>
    mirror.git.run({ did: 'list the files to copy', cwd: root, signal, input, answers: [1], args: ['-C', root, ...args] });
  try {
    const where = await git(['rev-parse', '--show-prefix', '--is-inside-work-tree']);
    // Patterns are of the whole repository; a bare one or a directory in one has nothing to copy from.
    if (where.stdout !== '\ntrue\n') return [];
    const named = await git(['ls-files', '-z', '--others', '--ignored', `--exclude-from=${file}`]);
    const ignored = await git(['check-ignore', '-z', '--stdin'], named.stdout);
    return [...new Set(ignored.stdout.split('\0').filter((path) => path !== '' && !path.endsWith('/')))].sort();
  } catch (error) {
    if (error instanceof FailureError && error.failure.class === 'invalid_request') return [];
    throw error;
  } finally {
    await rm(file, { force: true });
  }
}

/** How many bytes were copied, or why it was not. */
async function copyFile(root: string, path: string, tree: string, left: number): Promise<number | string> {
  let handle: FileHandle | undefined;
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  try {
    handle = await open(join(root, path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const found = await handle.stat();
    if (!found.isFile()) return 'it is no regular file';
    // Asked of what was opened, not of its name: a directory above it may have become a link meanwhile.
    const really = await openedPath(handle, join(root, path));
    if (really !== join(root, path)) return 'a link leads to it; links are not followed';
    if (found.size > Math.min(limits.fileBytes, left)) return `it is too large (${found.size} bytes)`;
    const content = Buffer.alloc(found.size);
    let length = 0;
    for (let read = -1; read !== 0 && length < content.length; length += read)
      read = (await handle.read(content, length, content.length - length, length)).bytesRead;
    if (!(await makeRealParents(tree, path))) return 'the repository has something else in its place';
    await place(join(tree, path), content.subarray(0, length), (found.mode & 0o777) | 0o600, join(dirname(tree), 'include-draft'));
    return length;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    return reasons[code] ?? `it cannot be copied (${code})`;
  } finally {
    await handle?.close();
  }
}

const reasons: Readonly<Record<string, string>> = {
  ELOOP: 'it is a link; links are not followed',
  EMLINK: 'it is a link; links are not followed',
  ENOENT: 'it is gone',
  EACCES: 'it may not be read',
  ENXIO: 'it is no regular file',
};

async function openedPath(handle: FileHandle, path: string): Promise<string> {
  if (process.platform === 'linux') return readlink(`/proc/self/fd/${handle.fd}`);
  const [named, opened] = await Promise.all([lstat(path), handle.stat()]);
  return named.ino === opened.ino && named.dev === opened.dev ? realpath(path) : '';
}

/** Whole or not at all, and never through a link or over a file that is there. */
async function place(target: string, content: Buffer, mode: number, draft: string): Promise<void> {
  await rm(draft, { force: true });
  await writeFile(draft, content, { mode, flag: 'wx' });
  try {
    await link(draft, target);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(draft, { force: true });
  }
}
