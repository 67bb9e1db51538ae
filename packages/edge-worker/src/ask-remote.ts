import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGit, type Git } from 'cyrus-checkouts/git';
import { writeHostFiles } from 'cyrus-checkouts/host-files';
import { type Remote, remoteOf } from 'cyrus-checkouts/remote';
import type { Clock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import { type Failure, FailureError } from 'cyrus-core/failure';
import { githubAccess, sourceOf } from './broker/repository-access.ts';
import { createGithubCredentials } from './github-credentials.ts';

export type RemoteAnswer =
  | {
      readonly ok: true;
      /** Without a secret. */
      readonly url: string;
      readonly branches: readonly string[];
      /** Undefined when the remote names none, or one it does not have. */
      readonly defaultBranch: string | undefined;
    }
  | { readonly ok: false; readonly failure: Failure };

export interface AskRemoteOptions {
  readonly config: Config;
  readonly repositoryId: string;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
}

/** Asks a configured repository's remote for its branches, with the credentials that work would be done with. Keeps nothing. */
export async function askRemote({ config, repositoryId, clock, signal }: AskRemoteOptions): Promise<RemoteAnswer> {
  const files = await mkdtemp(join(tmpdir(), 'cyrus-ask-'));
  try {
    const git = createGit({ clock, files: await writeHostFiles(files), runId: `ask-${process.pid}` });
    const remote = await findRemote(git, { config, repositoryId, clock, ...(signal ? { signal } : {}) });
    const { stdout } = await git.run({
      did: `ask ${remote.url} for its branches`,
      args: ['ls-remote', '--symref', '--', remote.url, 'HEAD', 'refs/heads/*'],
      config: remote.kind === 'local' ? { 'protocol.file.allow': 'always' } : {},
      credentials: remote.credentials,
      timeoutMs: 15_000,
      signal,
    });
    const branches = [...stdout.matchAll(/^[0-9a-f]{40,64}\trefs\/heads\/(.+)$/gm)].map(([, branch = '']) => branch);
    return { ok: true, url: remote.url, branches, defaultBranch: /^ref: refs\/heads\/(.+)\tHEAD$/m.exec(stdout)?.[1] };
  } catch (error) {
    if (error instanceof FailureError) return { ok: false, failure: error.failure };
    throw error;
  } finally {
    await rm(files, { recursive: true, force: true });
  }
}

async function findRemote(git: Git, { config, repositoryId, clock, signal }: AskRemoteOptions): Promise<Remote> {
  const source = sourceOf(config, repositoryId);
  const address = source?.remoteUrl ?? (source?.repositoryPath === undefined ? '' : await originOf(git, source.repositoryPath, signal));
  const open = remoteOf(address, source?.token);
  const access = githubAccess(config, repositoryId, open.url);
  if (!access) return open;
  const token = await createGithubCredentials({ config: () => config, clock })
    .source(access)
    .token();
  if (!token.ok) throw new FailureError(token.error);
  return remoteOf(access.overSsh ? access.webUrl : address, token.value);
}

/** Where a checkout on this machine comes from; itself, when it comes from nowhere. */
async function originOf(git: Git, path: string, signal: AbortSignal | undefined): Promise<string> {
  const args = ['-C', path, 'config', '--get', 'remote.origin.url'];
  const { code, stdout } = await git.run({ did: `read the origin of ${path}`, args, answers: [1], signal });
  return code === 0 ? stdout.trim() : path;
}
