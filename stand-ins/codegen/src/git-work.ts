import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** Nothing of the machine's own git configuration is read. */
const environment: Readonly<Record<string, string>> = {
  PATH: process.env['PATH'] ?? '/usr/bin:/bin',
  HOME: '/nonexistent',
  LC_ALL: 'C.UTF-8',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
  GIT_CONFIG_COUNT: '1',
  GIT_CONFIG_KEY_0: 'safe.directory',
  GIT_CONFIG_VALUE_0: '*',
  GIT_AUTHOR_NAME: 'codegen-sh[bot]',
  GIT_AUTHOR_EMAIL: 'bot@codegen.invalid',
  GIT_COMMITTER_NAME: 'codegen-sh[bot]',
  GIT_COMMITTER_EMAIL: 'bot@codegen.invalid',
};

function git(directory: string, signal: AbortSignal, ...args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile('git', args, { cwd: directory, env: environment, signal, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) =>
      error ? reject(new Error(`git ${args[0]}: ${stderr.trim() || error.message}`)) : resolve(stdout.trim()),
    );
  });
}

export interface Push {
  readonly remote: string;
  /** Where the work begins; absent: the remote's default branch. */
  readonly startBranch: string | undefined;
  readonly branch: string;
  readonly files: Readonly<Record<string, string>>;
  readonly message: string;
  readonly signal: AbortSignal;
}

/** Clones, commits the files and pushes them to a branch, as the agent's sandbox would. Goes on where that branch is. */
export async function pushWork({ remote, startBranch, branch, files, message, signal }: Push): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'stand-in-codegen-'));
  try {
    await git(directory, signal, 'clone', '--quiet', remote, '.');
    const has = async (name: string): Promise<boolean> =>
      git(directory, signal, 'rev-parse', '--verify', '--quiet', `refs/remotes/origin/${name}`).then(
        () => true,
        () => false,
      );
    const from = (await has(branch)) ? branch : startBranch;
    if (from !== undefined && !(await has(from))) throw new Error(`the remote has no branch ${from}`);
    await git(directory, signal, 'checkout', '--quiet', '-B', branch, ...(from === undefined ? [] : [`origin/${from}`]));
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(directory, path)), { recursive: true });
      await writeFile(join(directory, path), content);
    }
    await git(directory, signal, 'add', '--all');
    await git(directory, signal, 'commit', '--quiet', '--allow-empty', '-m', message);
    await git(directory, signal, 'push', '--quiet', 'origin', `HEAD:refs/heads/${branch}`);
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }
}

/** What a prompt says of branches, in the words agents are told them in. */
export function branchIn(prompts: readonly string[], name: 'Base' | 'Start' | 'Push'): string | undefined {
  for (const prompt of prompts.toReversed()) {
    const found = new RegExp(`^- ${name} Branch: \`?([^\\s\`]+)`, 'm').exec(prompt);
    if (found) return found[1];
  }
  return undefined;
}
