import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import { readViewer } from 'cyrus-linear/read-viewer';
import { type LinearStandIn, startLinear } from 'cyrus-stand-in-linear/server';
import { silentLog } from 'cyrus-store/log';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLinearClients, type LinearClients, oauthAppOf } from '../src/broker/linear-clients.ts';
import { keepLogin } from '../src/broker/linear-login.ts';
import { linearLogins } from '../src/broker/linear-logins.ts';
import { configOf } from './support/config.ts';

let home: string;
let linear: LinearStandIn;
let workspace: string;
const app = { clientId: 'app', clientSecret: 'secret' };

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'cyrus-clients-'));
  linear = await startLinear({ refreshToken: 'first', oauthClient: { id: 'app', secret: 'secret' } });
  workspace = linear.control.state().organization.id;
});
afterEach(async () => {
  await linear.stop();
  await rm(home, { recursive: true, force: true });
});

const configured = (more: object): Config => configOf({ linear: { apiUrl: linear.graphqlUrl, ...more } });
const clientsOf = (config: Config): LinearClients =>
  createLinearClients({ config: () => config, home, clock: systemClock, log: silentLog });

async function who(clients: LinearClients): Promise<string> {
  const client = await clients.find(workspace);
  if (!client) return 'no client';
  const viewer = await readViewer(client);
  return viewer.ok ? viewer.value.name : `${viewer.error.failure.message}; ${viewer.error.failure.fix}`;
}

/** A person logs in, in a browser. */
async function logIn(config: Config): Promise<void> {
  const redirectUri = 'http://localhost:1/callback';
  const query = new URLSearchParams({ client_id: 'app', redirect_uri: redirectUri, response_type: 'code', state: 's' });
  await fetch(`${linear.url}/oauth/authorize?${query}`);
  const code = new URL(linear.people.authorize().redirect).searchParams.get('code') ?? '';
  const oauth = oauthAppOf(config, systemClock);
  if (!oauth) throw new Error('no application');
  const viewer = await keepLogin({ config, home, clock: systemClock, app: oauth }, { code, redirectUri, verifier: 'v' });
  expect(viewer).toMatchObject({ workspaceId: workspace, isApp: true });
}

test('everybody who calls for a workspace has the same client, so tokens and limits are shared', async () => {
  const clients = clientsOf(configured({ token: 'lin_oauth_app' }));
  const client = await clients.find(workspace);
  expect(await clients.find(workspace)).toBe(client);
  linear.control.addFault({ kind: 'rate-limit', requests: 1, retryAfterSeconds: 60 });
  expect(await who(clients)).toMatch(/rate limit/);
  const { total } = linear.control.calls();
  expect(await who(clients)).toMatch(/rate limit/);
  expect(linear.control.calls().total).toBe(total);
});

test('a login is used by a running service from its next call on, and beats the token it was made over', async () => {
  const config = configured({ token: 'lin_api_local', ...app });
  const clients = clientsOf(config);
  expect(await who(clients)).toBe('Ada');
  await logIn(config);
  expect(await who(clients)).toBe('Cyrus');
  expect(await linearLogins(config, home, systemClock)).toEqual([
    { workspace, workspaceName: 'Local', kind: 'login', expiresAt: expect.any(Number), state: 'ready' },
  ]);
});

test('who has held a client since before a login, as a job does that waits for one, goes on with the login', async () => {
  const config = configured({ refreshToken: 'first', ...app });
  const held = await clientsOf(config).find(workspace);
  linear.control.addFault({ kind: 'token-error', error: 'invalid_grant', times: 1 });
  if (!held) throw new Error('no client');
  expect((await readViewer(held)).ok).toBe(false);
  await logIn(config);
  expect((await readViewer(held)).ok).toBe(true);
});

test('a new token in the configuration beats an older login', async () => {
  await logIn(configured(app));
  expect(await who(clientsOf(configured({ token: 'lin_api_local', ...app })))).toBe('Ada');
});

test('access that the workspace took back is dropped for good: no call is made, a restart knows, a new login brings it back', async () => {
  const config = configured({ refreshToken: 'first', ...app });
  const clients = clientsOf(config);
  expect(await who(clients)).toBe('Cyrus');
  linear.people.revokeApp();
  await clients.forgetTokens(workspace);
  const { total } = linear.control.calls();
  for (const each of [clients, clientsOf(config)]) expect(await who(each)).toMatch(/taken back.*cyrus linear login/);
  expect(linear.control.calls().total).toBe(total);
  for (const file of await readdir(join(home, 'linear'))) expect(await readFile(join(home, 'linear', file), 'utf8')).not.toMatch(/Token/);
  await logIn(config);
  expect(await who(clients)).toBe('Cyrus');
});

test.each([
  ['an access token of the configuration is used no more', 'lin_oauth_app', /does not accept the token/],
  ['a person’s key stays: it is not the app’s', 'lin_api_local', /^Ada$/],
])('after a revocation %s', async (_name, token, expected) => {
  const clients = clientsOf(configured({ token }));
  await who(clients);
  await clients.forgetTokens(workspace);
  expect(await who(clients)).toMatch(expected);
  expect(await who(clientsOf(configured({ token })))).toMatch(expected);
});

test('client credentials that were taken back are asked for anew, in case the app was let in again', async () => {
  const clients = clientsOf(configured(app));
  expect(await who(clients)).toBe('Cyrus');
  await clients.forgetTokens(workspace);
  expect(await who(clients)).toBe('Cyrus');
  expect(linear.control.grants()['client_credentials']?.given).toBe(2);
});

test('logging out ends the tokens at Linear and leaves none here', async () => {
  const config = configured(app);
  await logIn(config);
  const clients = clientsOf(config);
  await who(clients);
  const [file = ''] = await readdir(join(home, 'linear'));
  const { accessToken } = JSON.parse(await readFile(join(home, 'linear', file), 'utf8')) as { accessToken: string };
  expect(await clientsOf(config).logOut(workspace)).toEqual({ ended: true, remains: 'client' });
  expect(await readdir(join(home, 'linear'))).toEqual([]);
  const headers = { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json' };
  const answer = await fetch(linear.graphqlUrl, { method: 'POST', headers, body: '{"query":"{ viewer { id } }"}' });
  expect(answer.status).toBe(401);
});

test('a first refresh token in the configuration is not tried again after logging out', async () => {
  const config = configured({ refreshToken: 'first', ...app });
  await who(clientsOf(config));
  expect(await clientsOf(config).logOut(undefined)).toEqual({ ended: true, remains: null });
  expect(await who(clientsOf(config))).toMatch(/logged out.*cyrus linear login/);
  expect(await linearLogins(config, home, systemClock)).toMatchObject([{ kind: 'refresh-token', state: 'logged_out' }]);
});

test('a login over a configured refresh token: logging out leaves neither', async () => {
  const config = configured({ refreshToken: 'first', ...app });
  await who(clientsOf(config));
  await logIn(config);
  expect(await clientsOf(config).logOut(workspace)).toEqual({ ended: true, remains: null });
  expect(await who(clientsOf(config))).toMatch(/logged out/);
  for (const file of await readdir(join(home, 'linear'))) expect(await readFile(join(home, 'linear', file), 'utf8')).not.toMatch(/Token/);
});

test.each([
  ['nothing', {}, null],
  ['a token of the configuration', { token: 't' }, 'fixed'],
] as const)('logging out of %s ends nothing', async (_name, more, remains) => {
  expect(await clientsOf(configured(more)).logOut(workspace)).toEqual({ ended: null, remains });
});
