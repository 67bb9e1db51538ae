import type { Checkouts } from 'cyrus-checkouts/checkouts';
import { expect, test } from 'vitest';
import { githubAccess } from '../src/broker/repository-access.ts';
import { createNoPullRequest } from '../src/code-host.ts';
import { configOf } from './support/config.ts';
import { until } from './support/until.ts';

const enterprise = 'https://ghe.corp:8443/api/v3';
const shared = { kind: 'token', token: 'shared' };

test.each([
  ['a github.com remote', {}, 'https://github.com/acme/app.git', { apiUrl: 'https://api.github.com', credential: shared }],
  [
    'its ssh form',
    {},
    'git@github.com:acme/app.git',
    { apiUrl: 'https://api.github.com', webUrl: 'https://github.com/acme/app.git', overSsh: true },
  ],
  ['ssh through the port of https', {}, 'ssh://git@ssh.github.com:443/acme/app.git', { webUrl: 'https://github.com/acme/app.git' }],
  [
    'an Enterprise remote with its port',
    { apiUrl: enterprise },
    'https://ghe.corp:8443/acme/app.git',
    { apiUrl: enterprise, credential: shared, webUrl: 'https://ghe.corp:8443/acme/app.git' },
  ],
  [
    'one over ssh, whose port is another',
    { apiUrl: enterprise },
    'ssh://git@ghe.corp:2222/acme/app.git',
    { apiUrl: enterprise, credential: shared, webUrl: 'https://ghe.corp:8443/acme/app.git', overSsh: true },
  ],
  ['one in the short form', { apiUrl: enterprise }, 'git@GHE.corp:acme/app.git', { apiUrl: enterprise, credential: shared }],
  [
    'an Enterprise Cloud with data residency',
    { apiUrl: 'https://api.octo.ghe.com' },
    'git@octo.ghe.com:acme/app',
    { apiUrl: 'https://api.octo.ghe.com', webUrl: 'https://octo.ghe.com/acme/app.git' },
  ],
  ['github.com beside an Enterprise Server', { apiUrl: enterprise }, 'https://github.com/acme/app.git', undefined],
  ['another host', {}, 'https://git.example.com/acme/app.git', undefined],
  ['the Enterprise host at another port', { apiUrl: enterprise }, 'https://ghe.corp:9999/acme/app.git', undefined],
  ['a path', {}, '/srv/git/app', undefined],
])('the shared token and %s', (_name, github, url, expected) => {
  const config = configOf({ github: { token: 'shared', ...github }, repositories: [{ id: 'r', remoteUrl: url }] });
  if (expected === undefined) expect(githubAccess(config, 'r', url)).toBeUndefined();
  else expect(githubAccess(config, 'r', url)).toMatchObject({ repository: { owner: 'acme', name: 'app' }, ...expected });
});

test.each([
  ['at its own host', {}, 'https://git.example.com/acme/app.git', 'https://git.example.com/api/v3'],
  ['at github.com beside an Enterprise Server', { apiUrl: enterprise }, 'git@github.com:acme/app.git', 'https://api.github.com'],
  ['at the Enterprise Server', { apiUrl: enterprise }, 'git@ghe.corp:acme/app.git', enterprise],
  ['through an address set on purpose', { apiUrl: 'http://proxy.corp/github' }, 'git@github.com:acme/app.git', 'http://proxy.corp/github'],
])("a repository's own token is used %s, before the shared token and the app", (_name, github, url, apiUrl) => {
  for (const more of [{ token: 'shared' }, { app: { appId: 7, privateKey: 'k' } }]) {
    const config = configOf({ github: { ...more, ...github }, repositories: [{ id: 'r', remoteUrl: url, githubToken: 'own' }] });
    expect(githubAccess(config, 'r', url)).toMatchObject({ apiUrl, credential: { kind: 'token', token: 'own' } });
  }
});

test('an app stands before the shared token, at its own host alone', () => {
  const github = { token: 'shared', app: { appId: 7, privateKey: 'k' } };
  const config = configOf({ github, repositories: [{ id: 'r', remoteUrl: 'git@github.com:acme/app.git' }] });
  expect(githubAccess(config, 'r', 'git@github.com:acme/app.git')?.credential).toEqual({ kind: 'app' });
  expect(githubAccess(config, 'r', 'https://git.example.com/acme/app.git')).toBeUndefined();
});

test('why there is no pull request is known by the remote', async () => {
  const repositories = [
    { id: 'hub', remoteUrl: 'git@github.com:acme/app.git' },
    { id: 'file', remoteUrl: '/srv/git/app' },
    { id: 'other', remoteUrl: 'https://git.example.com/acme/app.git' },
    { id: 'mine', repositoryPath: '/home/me/app' },
  ];
  const remote = { url: 'https://git.example.com/acme/app.git', kind: 'http' as const };
  const checkouts = { mirror: async () => ({ remote }) } as unknown as Pick<Checkouts, 'mirror'>;
  const withToken = createNoPullRequest(() => configOf({ github: { token: 't' }, repositories }), checkouts);
  expect(['hub', 'file', 'other', 'mine'].map(withToken)).toEqual([
    null,
    'its remote is no code host',
    'no token for git.example.com is set',
    null,
  ]);
  await until('the remote of the checkout is known', () => withToken('mine') === 'no token for git.example.com is set');
  const without = createNoPullRequest(() => configOf({ repositories }), checkouts);
  expect(without('hub')).toBe('no token for GitHub is set');
});
