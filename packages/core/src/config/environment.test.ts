import { expect, test } from 'vitest';
import { mergeEnvironment } from './environment.ts';
import { checkConfig } from './parse.ts';

test.each([
  ['LINEAR_TOKEN', 'lin_api_e', { linear: { token: 'lin_api_e' } }],
  ['LINEAR_WEBHOOK_SECRET', 's', { linear: { webhookSecret: 's' } }],
  ['GITHUB_TOKEN', 'ghp_e', { github: { token: 'ghp_e' } }],
  ['GITHUB_WEBHOOK_SECRET', 's', { github: { webhookSecret: 's' } }],
  ['ANTHROPIC_API_KEY', 'sk-e', { claude: { apiKey: 'sk-e' } }],
  ['CODEGEN_API_TOKEN', 't', { codegen: { apiToken: 't' } }],
  ['CODEGEN_ORG_ID', '42', { codegen: { orgId: '42' } }],
  ['CURSOR_API_KEY', 'k', { cursor: { apiKey: 'k' } }],
  ['DATABASE_URL', 'postgres://db/x', { database: { url: 'postgres://db/x' } }],
  ['CYRUS_PORT', '0', { server: { port: 0 } }],
  ['CYRUS_HOST', '::1', { server: { host: '::1' } }],
  ['CYRUS_ALLOW_UNSANDBOXED', '1', { allowUnsandboxed: true }],
  ['CYRUS_MAX_PARALLEL_AGENTS', '4', { limits: { maxParallelAgents: 4 } }],
  ['CYRUS_DRAIN_MS', '500', { drainMs: 500 }],
])('%s beats the file', (name, value, expected) => {
  const file = {
    linear: { token: 'old', webhookSecret: 'old' },
    github: { token: 'old' },
    claude: { apiKey: 'old' },
    codegen: { apiToken: 'old', orgId: 1 },
    server: { port: 9 },
    drainMs: 9,
  };
  const result = checkConfig(file, { [name]: value });
  expect(result).toMatchObject({ ok: true, value: { config: expected } });
});

test('an app of GitHub can come from the environment alone', () => {
  const environment = { GITHUB_APP_ID: '7', GITHUB_APP_PRIVATE_KEY: 'k', GITHUB_APP_PRIVATE_KEY_PATH: '/k.pem' };
  const app = { appId: '7', privateKey: 'k', privateKeyPath: '/k.pem' };
  expect(checkConfig({}, environment)).toMatchObject({ ok: true, value: { config: { github: { app } } } });
  expect(checkConfig({}, { GITHUB_APP_ID: '7' })).toMatchObject({ ok: false, error: [{ path: 'github.app' }] });
});

test('an empty variable counts as absent, and the file is left as it was', () => {
  const file = { linear: { token: 'old' } };
  expect(mergeEnvironment(file, { LINEAR_TOKEN: ' ' }).value).toEqual(file);
  mergeEnvironment(file, { LINEAR_TOKEN: 'new' });
  expect(file).toEqual({ linear: { token: 'old' } });
});

test("one token for all: the variable replaces the repositories' own", () => {
  const repositories = [
    { id: 'a', repositoryPath: '/a', linearToken: 'old' },
    { id: 'b', repositoryPath: '/b', linearToken: 'old' },
    { id: 'c', repositoryPath: '/c' },
  ];
  const { value, warnings } = mergeEnvironment({ repositories }, { LINEAR_TOKEN: 'new' });
  expect(value['repositories']).toMatchObject([{ linearToken: 'new' }, { linearToken: 'new' }, { id: 'c' }]);
  expect(warnings).toEqual([]);
});

test("the one workspace's token is replaced, its other values stay", () => {
  const { value } = mergeEnvironment({ linearWorkspaces: { w: { linearToken: 'old', webhookSecret: 's' } } }, { LINEAR_TOKEN: 'new' });
  expect(value['linearWorkspaces']).toEqual({ w: { linearToken: 'new', webhookSecret: 's' } });
});

test('several workspaces keep their own tokens, and a warning says so', () => {
  const repositories = [
    { id: 'a', repositoryPath: '/a', linearToken: 'one' },
    { id: 'b', repositoryPath: '/b', linearToken: 'two' },
  ];
  const { value, warnings } = mergeEnvironment({ repositories }, { LINEAR_TOKEN: 'new' });
  expect(value).toEqual({ repositories, linear: { token: 'new' } });
  expect(warnings).toMatchObject([{ path: 'repositories' }]);
});

test('a mistake in a variable is told by its name; a mistake of the file is not covered up', () => {
  expect(checkConfig({}, { CYRUS_PORT: 'many' })).toMatchObject({
    ok: false,
    error: [{ path: 'server.port (from the environment variable CYRUS_PORT)', value: '"many"' }],
  });
  expect(checkConfig({ server: [] }, { CYRUS_PORT: '1' })).toMatchObject({ ok: false, error: [{ path: 'server' }] });
});
