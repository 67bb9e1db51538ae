import { type Checkouts, createCheckouts } from 'cyrus-checkouts/checkouts';
import { systemClock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import { createPlain } from 'cyrus-sandbox/plain';
import { createGithubCredentials } from '../../src/github-credentials.ts';
import { createRepositories } from '../../src/jobs/repositories.ts';
import { configOf } from './config.ts';

/** One repository on the stand-in. */
export function publishingConfig(githubUrl: string, cloneUrl: string): Config {
  return configOf({ github: { apiUrl: githubUrl, token: 'ghp_local' }, repositories: [{ id: 'r', remoteUrl: cloneUrl }] });
}

export function checkoutsIn(home: string): Checkouts {
  const gitIdentity = { name: 'Cyrus', email: 'cyrus@example.test' };
  return createCheckouts({ root: home, sandbox: createPlain({ clock: systemClock }), clock: systemClock, gitIdentity });
}

/** A commit on the default branch's head, in the mirror alone. */
export async function newCommit(checkouts: Checkouts, config: Config, message: string): Promise<string> {
  const mirror = await createRepositories(
    checkouts,
    () => config,
    createGithubCredentials({ config: () => config, clock: systemClock }),
  ).open('r');
  await mirror.fetch();
  const base = (await mirror.resolve('main')) ?? '';
  const git = async (...args: string[]): Promise<string> =>
    (await mirror.git.run({ did: 'make a commit', gitDir: mirror.directory, args })).stdout.trim();
  const identity = ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.test'];
  return git(...identity, 'commit-tree', `${base}^{tree}`, '-p', base, '-m', message);
}
