import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { systemClock } from 'cyrus-core/clock';
import { detectIsolation } from 'cyrus-sandbox/detect';
import { createSandbox } from 'cyrus-sandbox/sandbox';
import { type Checkouts, createCheckouts } from '../src/checkouts.ts';

const detected = await detectIsolation();
/** Tests of what bubblewrap holds back are skipped without it, unless CYRUS_NO_SKIP asks for all of them. */
export const noBubblewrap: boolean = detected.isolation !== 'bwrap' && process.env['CYRUS_NO_SKIP'] !== '1';
export const sandbox: ReturnType<typeof createSandbox> = createSandbox({ ...detected, clock: systemClock });
export const identity = { name: 'Cyrus "the" Test', email: 'cyrus@example.test' };

/** A git as a person would use it, with no configuration of this machine. */
export function git(cwd: string, ...args: string[]): Promise<string> {
  return command('git', ['-c', 'protocol.file.allow=always', ...args], cwd);
}

export function command(name: string, args: readonly string[], cwd: string, env: Record<string, string> = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(name, args, {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: '/nonexistent',
        GIT_CONFIG_GLOBAL: '/dev/null',
        GIT_CONFIG_NOSYSTEM: '1',
        GIT_AUTHOR_NAME: 'A Person',
        GIT_AUTHOR_EMAIL: 'person@example.test',
        GIT_COMMITTER_NAME: 'A Person',
        GIT_COMMITTER_EMAIL: 'person@example.test',
        ...env,
      },
    });
    let [out, err] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      out += chunk;
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      err += chunk;
    });
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve(out.trim()) : reject(new Error(`${name} ${args.join(' ')}: ${code} ${err}`))));
  });
}

export async function write(root: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), text);
  }
}

/** A bare repository with a `main` of one commit, a working copy of it, and a home for the product; all removed by `end`. */
export interface Setting {
  readonly base: string;
  readonly upstream: string;
  readonly work: string;
  readonly root: string;
  readonly checkouts: Checkouts;
  /** Commits in the working copy and pushes; gives the commit. */
  commit(files: Readonly<Record<string, string>>, message?: string): Promise<string>;
  end(): Promise<void>;
}

export async function newSetting(
  files: Readonly<Record<string, string>> = { 'README.md': 'hello\n', 'src/a.txt': 'one\ntwo\nthree\n' },
): Promise<Setting> {
  const base = await mkdtemp(join(tmpdir(), 'checkouts-'));
  const [upstream, work, root] = [join(base, 'up.git'), join(base, 'work'), join(base, 'home')];
  await git(base, 'init', '-q', '--bare', '--initial-branch=main', upstream);
  await git(base, 'init', '-q', '--initial-branch=main', work);
  await git(work, 'remote', 'add', 'origin', upstream);
  const commit = async (changes: Readonly<Record<string, string>>, message = 'change'): Promise<string> => {
    await write(work, changes);
    await git(work, 'add', '-A');
    await git(work, 'commit', '-q', '--allow-empty', '-m', message);
    await git(work, 'push', '-q', 'origin', 'HEAD');
    return git(work, 'rev-parse', 'HEAD');
  };
  await commit(files, 'first');
  const checkouts = createCheckouts({ root, sandbox, clock: systemClock, gitIdentity: identity });
  return { base, upstream, work, root, checkouts, commit, end: () => rm(base, { recursive: true, force: true, maxRetries: 3 }) };
}
