import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Nothing of the machine's own git configuration is read. */
export const gitEnvironment: Readonly<Record<string, string>> = {
  PATH: process.env['PATH'] ?? '/usr/bin:/bin',
  HOME: '/nonexistent',
  LC_ALL: 'C.UTF-8',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
  GIT_CONFIG_COUNT: '1',
  GIT_CONFIG_KEY_0: 'safe.directory',
  GIT_CONFIG_VALUE_0: '*',
};

/** A git command that ended with another code than 0. */
export class GitError extends Error {
  readonly code: number;
  readonly stdout: string;
  constructor(args: readonly string[], code: number, stdout: string, stderr: string) {
    super(`git ${args.join(' ')} ended with ${code}: ${stderr.trim()}`);
    this.name = 'GitError';
    this.code = code;
    this.stdout = stdout;
  }
}

export interface GitOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Buffer;
}

/** Runs git in `directory` and gives its output, without the last line end. @throws GitError */
export function git(directory: string, args: readonly string[], options: GitOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      'git',
      ['-C', directory, ...args],
      { env: { ...gitEnvironment, ...options.env }, maxBuffer: 256 * 1024 * 1024 },
      (error, stdout, stderr) => {
        if (!error) return resolve(stdout.replace(/\n$/, ''));
        if (typeof error.code !== 'number') return reject(error);
        reject(new GitError(args, error.code, stdout, stderr));
      },
    );
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input ?? '');
  });
}

/** The commit a revision names, or undefined. `revision` may come from a caller: it never acts as an option. */
export async function commitOf(directory: string, revision: string): Promise<string | undefined> {
  if (revision === '' || revision.includes('\0')) return undefined;
  return git(directory, ['rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`]).catch(() => undefined);
}

export const branchHead = (directory: string, branch: string): Promise<string | undefined> => commitOf(directory, `refs/heads/${branch}`);

export async function isAncestor(directory: string, ancestor: string, of: string): Promise<boolean> {
  return git(directory, ['merge-base', '--is-ancestor', ancestor, of]).then(
    () => true,
    () => false,
  );
}

/** The tree of a merge of two commits, or undefined when they conflict. */
export async function mergedTree(directory: string, base: string, head: string): Promise<string | undefined> {
  try {
    return (await git(directory, ['merge-tree', '--write-tree', base, head])).split('\n')[0];
  } catch (error) {
    if (error instanceof GitError && error.code === 1) return undefined;
    throw error;
  }
}

export interface NewCommit {
  readonly tree: string;
  readonly parents: readonly string[];
  readonly message: string;
  readonly author: { readonly name: string; readonly email: string };
}

/** Writes a commit object; no ref moves. */
export function writeCommit(directory: string, commit: NewCommit): Promise<string> {
  const { name, email } = commit.author;
  return git(directory, ['commit-tree', commit.tree, ...commit.parents.flatMap((parent) => ['-p', parent])], {
    input: commit.message,
    env: { GIT_AUTHOR_NAME: name, GIT_AUTHOR_EMAIL: email, GIT_COMMITTER_NAME: name, GIT_COMMITTER_EMAIL: email },
  });
}

/** An empty bare repository that takes pushes and writes each ref change to the file the push names. */
export async function initBare(directory: string, defaultBranch: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  await git(directory, ['init', '--quiet', '--bare', '--template=', `--initial-branch=${defaultBranch}`]);
  for (const [key, value] of [
    ['http.receivepack', 'true'],
    ['receive.advertisePushOptions', 'true'],
    ['uploadpack.allowAnySHA1InWant', 'true'],
    ['uploadpack.allowFilter', 'true'],
    ['gc.auto', '0'],
    ['core.hooksPath', join(directory, 'hooks')],
  ] as const)
    await git(directory, ['config', key, value]);
  await mkdir(join(directory, 'hooks'), { recursive: true });
  await writeFile(join(directory, 'hooks', 'post-receive'), '#!/bin/sh\ncat >> "$STAND_IN_PUSH_LOG"\n', { mode: 0o755 });
}
