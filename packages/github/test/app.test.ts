import { generateKeyPairSync } from 'node:crypto';
import { manualClock, systemClock } from 'cyrus-core/clock';
import { type AppOptions, type AppTokens, createAppTokens } from 'cyrus-github/app-tokens';
import { createGitHub } from 'cyrus-github/client';
import { type GitHubStandIn, startGitHub } from 'cyrus-stand-in-github/server';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const repository = { owner: 'acme', name: 'app' };
const other = { owner: 'acme', name: 'other' };
let github: GitHubStandIn;
let app: { readonly appId: number; readonly privateKey: string };

beforeEach(async () => {
  github = await startGitHub();
  for (const { owner, name } of [repository, other]) await github.createRepository({ owner, name });
  app = await github.people.createApp({ name: 'Cyrus', owner: 'acme' });
});
afterEach(() => github.stop());

const tokens = (more: Partial<AppOptions> = {}): AppTokens =>
  createAppTokens({ apiUrl: github.apiUrl, appId: String(app.appId), privateKey: app.privateKey, clock: systemClock, ...more });
const install = (request: object = {}) => github.people.install({ appId: app.appId, account: 'acme', ...request });
const minted = () => github.calls('apps.createInstallationAccessToken').length;
const tokenOf = async (given: AppTokens, of = repository): Promise<string> => {
  const got = await given.of(of).token();
  if (!got.ok) throw new Error(got.error.message);
  return got.value;
};

describe('a token', () => {
  test('is for one repository, minted once however many ask, and kept', async () => {
    await install();
    const given = tokens();
    const all = await Promise.all(Array.from({ length: 5 }, () => tokenOf(given)));
    expect(new Set(all).size).toBe(1);
    expect(minted()).toBe(1);
    expect(await tokenOf(given)).toBe(all[0]);
    expect(await tokenOf(given, other)).not.toBe(all[0]);
    expect(minted()).toBe(2);
    expect(given.given()).toHaveLength(2);
    const host = createGitHub({ apiUrl: github.apiUrl, token: given.of(repository) });
    expect(await host.getRepository(repository)).toMatchObject({ ok: true });
    expect(await host.getRepository(other)).toMatchObject({ ok: false });
  });

  test('is renewed before it ends', async () => {
    await install();
    const clock = manualClock(Date.now());
    const given = tokens({ clock });
    const first = await tokenOf(given);
    clock.advance(50 * 60_000);
    expect(await tokenOf(given)).toBe(first);
    clock.advance(6 * 60_000);
    expect(await tokenOf(given)).not.toBe(first);
  });

  test('that GitHub takes back is replaced within the call that met it', async () => {
    await install();
    const given = tokens();
    const host = createGitHub({ apiUrl: github.apiUrl, token: given.of(repository) });
    await host.getRepository(repository);
    await github.people.revokeTokens();
    expect(await host.getRepository(repository)).toMatchObject({ ok: true });
    expect(minted()).toBe(2);
  });

  test.each([
    ['an hour behind', -3_600_000],
    ['an hour ahead', 3_600_000],
  ])('is had with a clock that is %s: GitHub says what time it is', async (_how, offMs) => {
    await install();
    const given = tokens({ clock: manualClock(Date.now() + offMs) });
    const first = await tokenOf(given);
    expect(await tokenOf(given)).toBe(first);
    expect(minted()).toBe(1);
  });

  test('of an installation that is named is had without looking for it', async () => {
    const { id } = await install({ repositories: ['app'] });
    const given = tokens({ installationId: id });
    await tokenOf(given);
    expect(github.calls('apps.getRepoInstallation')).toHaveLength(0);
    expect(await given.of(other).token()).toMatchObject({
      error: { class: 'auth', message: expect.stringContaining('not installed on acme/other') },
    });
    expect(await tokens({ installationId: 1 }).of(repository).token()).toMatchObject({
      error: { class: 'auth', fix: expect.stringContaining('github.app.installationId') },
    });
  });

  test('carries the useful permissions that the installation has, and no others', async () => {
    await install({ permissions: { contents: 'write', pull_requests: 'write', checks: 'read', actions: 'write' } });
    const host = createGitHub({ apiUrl: github.apiUrl, token: tokens().of(repository) });
    expect(await host.readChecks({ repository, sha: 'main' })).toMatchObject({
      error: { class: 'auth', fix: expect.stringContaining('statuses=read') },
    });
  });
});

describe('without a token it is said what to do', () => {
  const failure = async (given = tokens()) => {
    const got = await given.of(repository).token();
    return got.ok ? undefined : got.error;
  };

  test('not installed, suspended, removed, narrowed', async () => {
    expect(await failure()).toMatchObject({
      class: 'auth',
      message: expect.stringContaining('not installed on acme/app'),
      fix: expect.stringContaining('Install it for acme'),
    });
    const { id } = await install();
    await github.people.changeInstallation({ id, suspended: true });
    expect(await failure()).toMatchObject({
      class: 'auth',
      message: expect.stringContaining('suspended'),
      fix: expect.stringContaining(`/settings/installations/${id}`),
    });
    await github.people.changeInstallation({ id, suspended: false, permissions: { contents: 'read', metadata: 'read' } });
    expect((await failure())?.message).toBe(
      `The GitHub App ${app.appId} lacks permissions on acme/app: contents: write, pull requests: write.`,
    );
    await github.people.uninstall({ id });
    expect((await failure())?.message).toContain('not installed');
  });

  test('the wrong key, the wrong app, no key at all', async () => {
    await install();
    const { privateKey } = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
    for (const wrong of [{ privateKey }, { appId: '1' }])
      expect(await failure(tokens(wrong))).toMatchObject({
        class: 'auth',
        message: expect.stringContaining('does not accept the private key'),
        fix: expect.stringContaining('github.app.appId'),
      });
    const unreadable = await failure(tokens({ privateKey: 'secret text' }));
    expect(unreadable).toMatchObject({ class: 'auth', fix: expect.stringContaining('privateKeyPath') });
    expect(JSON.stringify(unreadable)).not.toContain('secret text');
    expect(await tokens({ privateKey: 'x' }).whoAmI()).toMatchObject({ ok: false });
    expect(await tokens().whoAmI()).toEqual({ ok: true, value: { name: 'Cyrus' } });
  });

  test('a key whose line breaks were written as \\n is understood', async () => {
    await install();
    expect(
      await tokens({ privateKey: app.privateKey.replace(/\n/g, '\\n') })
        .of(repository)
        .token(),
    ).toMatchObject({ ok: true });
  });

  test.each([
    ['network', { failNext: { count: 1, status: 502 } }],
    ['rate_limited', { rateLimitNext: { count: 1, retryAfterSeconds: 5 } }],
  ] as const)('%s passes and is not held against the credential', async (kind, fault) => {
    await install();
    const given = tokens();
    github.setFaults(fault);
    expect(await failure(given)).toMatchObject({ class: kind });
    expect(await failure(given)).toBeUndefined();
  });
});
