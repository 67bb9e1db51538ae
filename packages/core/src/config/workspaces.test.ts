import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { checkConfig } from './parse.ts';
import type { Config } from './schema.ts';
import { linearWorkspaces } from './workspaces.ts';

const config = (file: unknown): Config => {
  const result = checkConfig(file);
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value.config;
};

test('repositories with the same credential share one entry', () => {
  const file: unknown = JSON.parse(readFileSync(new URL('./fixtures/two-workspaces.json', import.meta.url), 'utf8'));
  expect(linearWorkspaces(config(file))).toEqual([
    { workspaceId: 'workspace-a', token: 'lin_api_first', repositoryIds: ['shop'] },
    { workspaceId: 'workspace-b', token: 'lin_api_second', repositoryIds: ['site', 'docs'] },
  ]);
});

test("a repository's own token beats the workspace's, which beats the global one", () => {
  const file = {
    linear: { token: 'global', webhookSecret: 'shared' },
    linearWorkspaces: { w: { linearToken: 'of-workspace', webhookSecret: 'of-workspace' } },
    repositories: [
      { id: 'a', repositoryPath: '/a' },
      { id: 'b', repositoryPath: '/b', linearWorkspaceId: 'w' },
      { id: 'c', repositoryPath: '/c', linearWorkspaceId: 'w', linearToken: 'own' },
      { id: 'd', repositoryPath: '/d', linearToken: 'unused', isActive: false },
    ],
  };
  expect(linearWorkspaces(config(file))).toEqual([
    { token: 'global', webhookSecret: 'shared', repositoryIds: ['a'] },
    { workspaceId: 'w', token: 'of-workspace', webhookSecret: 'of-workspace', repositoryIds: ['b'] },
    { workspaceId: 'w', token: 'own', webhookSecret: 'of-workspace', repositoryIds: ['c'] },
  ]);
});

test('a refresh token belongs to the token beside it, and is enough alone', () => {
  const file = {
    linear: { token: 'global', refreshToken: 'global-refresh' },
    linearWorkspaces: { w: { linearToken: 'of-workspace' }, v: { linearRefreshToken: 'first' } },
    repositories: [{ id: 'b', repositoryPath: '/b', linearWorkspaceId: 'w' }],
  };
  const parsed = checkConfig(file);
  expect(parsed).toMatchObject({ ok: true, value: { warnings: [] } });
  expect(linearWorkspaces(config(file))).toEqual([
    { workspaceId: 'w', token: 'of-workspace', repositoryIds: ['b'] },
    { workspaceId: 'v', refreshToken: 'first', repositoryIds: [] },
    { token: 'global', refreshToken: 'global-refresh', repositoryIds: [] },
  ]);
});

test('a token alone is a workspace, nothing is none', () => {
  expect(linearWorkspaces(config({ linear: { token: 't' } }))).toEqual([{ token: 't', repositoryIds: [] }]);
  expect(linearWorkspaces(config({}))).toEqual([]);
});

test('one token in repositories without a workspace is the token of the configuration', () => {
  const one = config({
    repositories: [
      { id: 'a', repositoryPath: '/a', linearToken: 't' },
      { id: 'b', repositoryPath: '/b' },
    ],
  });
  expect(one.linear.token).toBe('t');
  expect(linearWorkspaces(one)).toEqual([{ token: 't', repositoryIds: ['a', 'b'] }]);
  const set = config({ linear: { token: 'own' }, repositories: [{ id: 'a', repositoryPath: '/a', linearToken: 't' }] });
  expect(set.linear.token).toBe('own');
});

test('several tokens without workspaces load, with a warning', () => {
  const repositories = [
    { id: 'a', repositoryPath: '/a', linearToken: 't' },
    { id: 'b', repositoryPath: '/b', linearToken: 'u' },
  ];
  expect(checkConfig({ repositories })).toMatchObject({
    ok: true,
    value: { warnings: [{ path: 'repositories', message: expect.stringContaining('linearWorkspaceId') }] },
  });
  expect(config({ repositories }).linear.token).toBeUndefined();
});
