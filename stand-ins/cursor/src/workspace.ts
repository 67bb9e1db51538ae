import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';

/** How the service reaches the code host. */
export interface CodeHostAccess {
  /** Base of GitHub's REST API. */
  readonly apiUrl?: string;
  readonly token?: string;
}

/** The clone an agent works in. */
export interface Workspace {
  /** Writes files, commits and pushes them to the branch. */
  push(files: Readonly<Record<string, string>>, message: string): Promise<void>;
  /** Opens a pull request of the branch and gives its address. */
  openPullRequest(title: string): Promise<string>;
}

function git(directory: string, args: readonly string[], token: string | undefined): Promise<string> {
  const authorization = token && `Authorization: Basic ${Buffer.from(`x-access-token:${token}`).toString('base64')}`;
  const settings = [['safe.directory', '*'], ...(authorization ? [['http.extraHeader', authorization]] : [])];
  return new Promise((done, reject) => {
    execFile(
      'git',
      ['-C', directory, ...args],
      {
        env: {
          PATH: process.env['PATH'] ?? '/usr/bin:/bin',
          HOME: '/nonexistent',
          GIT_CONFIG_NOSYSTEM: '1',
          GIT_CONFIG_GLOBAL: '/dev/null',
          GIT_TERMINAL_PROMPT: '0',
          GIT_AUTHOR_NAME: 'Cursor Agent',
          GIT_AUTHOR_EMAIL: 'cursoragent@cursor.com',
          GIT_COMMITTER_NAME: 'Cursor Agent',
          GIT_COMMITTER_EMAIL: 'cursoragent@cursor.com',
          GIT_CONFIG_COUNT: String(settings.length),
          ...Object.fromEntries(
            settings.flatMap(([key, value], index) => [
              [`GIT_CONFIG_KEY_${index}`, key],
              [`GIT_CONFIG_VALUE_${index}`, value],
            ]),
          ),
        },
      },
      (error, stdout, stderr) => (error ? reject(new Error(`git ${args[0]}: ${stderr.trim() || error.message}`)) : done(stdout.trim())),
    );
  });
}

/** Clones `url` at `startingRef` (default: its default branch) and begins `branch` there. @throws Error when it cannot be cloned */
export async function openWorkspace(options: {
  readonly directory: string;
  readonly url: string;
  readonly startingRef: string | undefined;
  readonly branch: string;
  readonly access: CodeHostAccess;
}): Promise<Workspace> {
  const { directory, url, startingRef, branch, access } = options;
  const run = (...args: readonly string[]): Promise<string> => git(directory, args, access.token);
  await mkdir(directory, { recursive: true });
  await run('clone', '--quiet', ...(startingRef === undefined ? [] : ['--branch', startingRef]), '--', url, '.');
  const base = startingRef ?? (await run('rev-parse', '--abbrev-ref', 'HEAD'));
  await run('checkout', '--quiet', '-b', branch);
  return {
    async push(files, message) {
      for (const [path, content] of Object.entries(files)) {
        const target = resolve(directory, path);
        if (!target.startsWith(directory + sep)) throw new Error(`outside of the workspace: ${path}`);
        await mkdir(dirname(target), { recursive: true });
        await writeFile(join(directory, path), content);
      }
      await run('add', '--all');
      await run('commit', '--quiet', '--allow-empty', '-m', message);
      await run('push', '--quiet', 'origin', `HEAD:refs/heads/${branch}`);
    },
    async openPullRequest(title) {
      const name = new URL(url).pathname.replace(/^\/|\.git$/g, '');
      if (!access.apiUrl) throw new Error('no code host to open a pull request at');
      const response = await fetch(`${access.apiUrl}/repos/${name}/pulls`, {
        method: 'POST',
        headers: { authorization: `Bearer ${access.token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ title, head: branch, base, body: 'Opened by the Cursor stand-in.' }),
      });
      const body = (await response.json()) as { readonly html_url?: string; readonly message?: string };
      if (!body.html_url) throw new Error(`pull request: ${response.status} ${body.message}`);
      return body.html_url;
    },
  };
}
