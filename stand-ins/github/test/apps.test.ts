import { createSign } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type GitHubStandIn, startGitHub } from '../src/server.ts';
import { contractChecker } from './contract.ts';
import { act, git, receiver, rest, withToken } from './drive.ts';

let github: GitHubStandIn;
let checker: ReturnType<typeof contractChecker>;
let app: { readonly appId: number; readonly privateKey: string };

beforeEach(async () => {
  checker = contractChecker();
  github = await startGitHub({ observe: checker.observe });
  for (const name of ['app', 'other']) await github.createRepository({ owner: 'acme', name });
  app = await github.people.createApp({ name: 'Cyrus Bot', owner: 'acme' });
});
afterEach(async () => {
  await github.stop();
  expect(checker.problems).toEqual([]);
});

const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
function jwt({ iat = -60, exp = 300, iss = String(app.appId), key = app.privateKey } = {}): string {
  const now = Math.floor(Date.now() / 1000);
  const signed = `${encoded({ alg: 'RS256', typ: 'JWT' })}.${encoded({ iat: now + iat, exp: now + exp, iss })}`;
  return `${signed}.${createSign('RSA-SHA256').update(signed).sign(key).toString('base64url')}`;
}
const repo = '/repos/acme/app';
const tokenFor = async (id: number, body: object = {}) => rest(github, 'POST', `/app/installations/${id}/access_tokens`, body, jwt());

test('an app says who it is by its key, within ten minutes of the right time', async () => {
  expect(await rest(github, 'GET', '/app', undefined, jwt())).toMatchObject({ status: 200, body: { id: app.appId, slug: 'cyrus-bot' } });
  const other = await github.people.createApp({ name: 'Other', owner: 'acme' });
  for (const wrong of [jwt({ key: other.privateKey }), jwt({ iss: '1' }), 'nonsense', github.token])
    expect(await rest(github, 'GET', '/app', undefined, wrong)).toMatchObject({
      status: 401,
      body: { message: expect.stringContaining('decoded') },
    });
  expect((await rest(github, 'GET', '/app', undefined, jwt({ iat: 120 }))).body.message).toContain("'Issued at' claim");
  expect((await rest(github, 'GET', '/app', undefined, jwt({ exp: 900 }))).body.message).toContain('too far in the future');
  expect((await rest(github, 'GET', '/app', undefined, jwt({ iat: -900, exp: -600 }))).body.message).toContain("'Expiration time' claim");
});

test('a token works for the repository and the permissions it was asked for, over REST and over git', async () => {
  const { id } = await github.people.install({ appId: app.appId, account: 'acme' });
  expect((await rest(github, 'GET', `${repo}/installation`, undefined, jwt())).body).toMatchObject({ id, suspended_at: null });
  const made = await tokenFor(id, { repositories: ['app'], permissions: { contents: 'read', pull_requests: 'write' } });
  expect(made).toMatchObject({ status: 201, body: { repository_selection: 'selected', repositories: [{ full_name: 'acme/app' }] } });
  const { token } = made.body;
  expect((await rest(github, 'GET', `${repo}/pulls`, undefined, token)).status).toBe(200);
  expect((await rest(github, 'GET', '/repos/acme/other', undefined, token)).status).toBe(404);
  expect((await rest(github, 'GET', '/user', undefined, token)).status).toBe(403);
  const refused = await rest(github, 'GET', `${repo}/commits/main/check-runs`, undefined, token);
  expect(refused).toMatchObject({ status: 403, body: { message: 'Resource not accessible by integration' } });
  expect(refused.headers.get('x-accepted-github-permissions')).toBe('checks=read');

  const directory = await mkdtemp(join(tmpdir(), 'github-apps-'));
  const url = (name: string): string => withToken(`${github.url}/acme/${name}.git`, token);
  await git(directory, 'clone', '-q', url('app'), 'work');
  await expect(git(directory, 'clone', '-q', url('other'), 'no')).rejects.toThrow(/not found/);
  await git(join(directory, 'work'), 'checkout', '-qb', 'b');
  await expect(git(join(directory, 'work'), 'push', '-q', 'origin', 'b')).rejects.toThrow(/403/);
  await rm(directory, { recursive: true });
});

test('what an installation does not have is refused; suspended, narrowed and removed ones give nothing', async () => {
  const { id } = await github.people.install({ appId: app.appId, account: 'acme', repositories: ['app'] });
  expect(await tokenFor(id, { permissions: { actions: 'write' } })).toMatchObject({ status: 422 });
  expect(await tokenFor(id, { repositories: ['other'] })).toMatchObject({ status: 422 });
  expect((await rest(github, 'GET', '/repos/acme/other/installation', undefined, jwt())).status).toBe(404);
  const { token } = (await tokenFor(id)).body;
  const pulls = async (): Promise<number> => (await rest(github, 'GET', `${repo}/pulls`, undefined, token)).status;
  expect(await pulls()).toBe(200);

  const hooks = await receiver();
  github.setWebhook({ url: hooks.url, secret: 's3cret' });
  await github.people.changeInstallation({ id, suspended: true });
  expect(await pulls()).toBe(403);
  expect(await tokenFor(id)).toMatchObject({ status: 403, body: { message: 'This installation has been suspended' } });
  await github.people.changeInstallation({ id, suspended: false });
  expect(await pulls()).toBe(200);
  await github.people.uninstall({ id });
  expect(await pulls()).toBe(401);
  expect((await rest(github, 'GET', `/app/installations/${id}`, undefined, jwt())).status).toBe(404);
  await github.settled();
  expect(hooks.received.map(({ payload }) => payload.action)).toEqual(['suspend', 'unsuspend', 'deleted']);
  await hooks.stop();
});

test('tokens end after their life, or when all are taken back', async () => {
  const { id } = await github.people.install({ appId: app.appId, account: 'acme' });
  const { token } = (await tokenFor(id)).body;
  expect((await act(github, 'POST', '/people/revokeTokens', {})).status).toBe(200);
  expect((await rest(github, 'GET', repo, undefined, token)).status).toBe(401);
  const brief = await startGitHub({ tokenLifeMs: 0 });
  await brief.createRepository({ owner: 'acme', name: 'app' });
  app = await brief.people.createApp({ name: 'Brief', owner: 'acme' });
  const installed = await brief.people.install({ appId: app.appId, account: 'acme' });
  const over = (await rest(brief, 'POST', `/app/installations/${installed.id}/access_tokens`, {}, jwt())).body.token;
  expect((await rest(brief, 'GET', repo, undefined, over)).status).toBe(401);
  await brief.stop();
});

test('a draft becomes ready for review by GraphQL alone', async () => {
  await github.people.push({ repository: 'acme/app', branch: 'b', files: { 'a.txt': '1' } });
  const { node_id: pullId } = (await rest(github, 'POST', `${repo}/pulls`, { title: 'T', head: 'b', base: 'main', draft: true })).body;
  const query = 'mutation ($id: ID!) { markPullRequestReadyForReview(input: {pullRequestId: $id}) { pullRequest { isDraft } } }';
  const ready = (id: unknown) => rest(github, 'POST', '/graphql', { query, variables: { id } });
  expect((await ready('nothing')).body.errors).toMatchObject([{ type: 'NOT_FOUND' }]);
  expect((await ready(pullId)).body).toMatchObject({ data: { markPullRequestReadyForReview: { pullRequest: { isDraft: false } } } });
  expect((await rest(github, 'GET', `${repo}/pulls/1`)).body.draft).toBe(false);
});

test('an Enterprise Server has its REST API below /api/v3 and nothing of it at the root', async () => {
  const enterprise = await startGitHub({ enterprise: true });
  await enterprise.createRepository({ owner: 'acme', name: 'app' });
  expect(enterprise.apiUrl).toBe(`${enterprise.url}/api/v3`);
  expect((await rest(enterprise, 'GET', `/api/v3${repo}`)).body.full_name).toBe('acme/app');
  expect((await rest(enterprise, 'GET', repo)).status).toBe(501);
  expect((await rest(enterprise, 'POST', '/graphql', {})).status).toBe(501);
  await enterprise.stop();
});
