import { copyFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, manualClock, systemClock } from 'cyrus-core/clock';
import type { Failure } from 'cyrus-core/failure';
import { createLinear, type LinearClient } from 'cyrus-linear/client';
import { type OauthApp, oauthAddresses } from 'cyrus-linear/oauth';
import { createOauthAccess, type Origin } from 'cyrus-linear/oauth-access';
import { readViewer } from 'cyrus-linear/read-viewer';
import { createTokenStore, type StoredTokens, type TokenStore } from 'cyrus-linear/token-store';
import { type LinearStandIn, startLinear } from 'cyrus-stand-in-linear/server';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startChild } from './child.ts';

const key = 'k';
let directory: string;
let linear: LinearStandIn;
let changes: (Failure | undefined)[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cyrus-tokens-'));
  changes = [];
  await begin({});
});
afterEach(async () => {
  await linear.stop();
  await rm(directory, { recursive: true, force: true });
});

async function begin(options: Parameters<typeof startLinear>[0]): Promise<void> {
  await linear?.stop();
  linear = await startLinear({ refreshToken: 'first', oauthClient: { id: 'app', secret: 'secret' }, ...options });
}

interface Wanted {
  readonly origin?: Origin;
  readonly clock?: Clock;
  readonly store?: TokenStore;
  readonly app?: Partial<OauthApp> | null;
}
const first: Origin = { kind: 'configured', refreshToken: 'first' };
const tokens = (): TokenStore => createTokenStore(directory, systemClock);

/** A client as a process makes one; a second one is a restart. */
function connect({ origin = first, clock = systemClock, store = tokens(), app = {} }: Wanted = {}): LinearClient {
  const addresses = oauthAddresses({ apiUrl: linear.graphqlUrl });
  const access = createOauthAccess({
    key,
    origin,
    store,
    clock,
    app: () => (app === null ? undefined : { clientId: 'app', clientSecret: 'secret', addresses, clock: systemClock, ...app }),
    onChange: (failure) => changes.push(failure),
  });
  return createLinear({ apiUrl: linear.graphqlUrl, token: access, clock: systemClock });
}

const who = async (client: LinearClient): Promise<string> => {
  const viewer = await readViewer(client);
  return viewer.ok ? viewer.value.name : viewer.error.failure.message;
};
const refreshes = () => linear.control.grants()['refresh_token'] ?? { asked: 0, given: 0 };
const stored = async (): Promise<StoredTokens> => (await tokens().read(key)) ?? {};

describe('a refresh token', () => {
  test('gives access; the newest pair is kept for its owner alone, and the next start uses it', async () => {
    expect(await who(connect())).toBe('Cyrus');
    const file = join(directory, 'k.json');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    expect((await stored()).refreshToken).not.toBe('first');
    expect(await who(connect())).toBe('Cyrus');
    expect(refreshes().asked).toBe(1);
  });

  test('the access token beside the first refresh token is used while it is good', async () => {
    const origin = { ...first, accessToken: 'lin_oauth_app' };
    expect(await who(connect({ origin }))).toBe('Cyrus');
    expect(refreshes().asked).toBe(0);
    linear.control.addFault({ kind: 'expired-token' });
    expect(await who(connect({ origin }))).toBe('Cyrus');
    expect(refreshes()).toEqual({ asked: 1, given: 1 });
  });

  test('a token that expires in the middle is renewed and the call made again, unseen', async () => {
    const client = connect();
    expect(await who(client)).toBe('Cyrus');
    for (let round = 0; round < 3; round++) {
      linear.control.addFault({ kind: 'expired-token' });
      expect(await who(client)).toBe('Cyrus');
    }
    expect(refreshes().given).toBe(4);
    expect(changes).toEqual([]);
  });

  test('it is renewed shortly before its time is over', async () => {
    const clock = manualClock(Date.now());
    const client = connect({ clock });
    await who(client);
    clock.advance(86_000_000);
    await who(client);
    expect(refreshes().given).toBe(1);
    clock.advance(399_000 - 4 * 60_000);
    expect(await who(client)).toBe('Cyrus');
    expect(refreshes().given).toBe(2);
  });

  test('ahead of its end a renewal that does not get through costs nothing', async () => {
    const clock = manualClock(Date.now());
    const client = connect({ clock });
    await who(client);
    clock.advance(86_398_000 - 60_000);
    linear.control.addFault({ kind: 'cut', field: 'oauthToken', when: 'before', times: 1 });
    expect(await who(client)).toBe('Cyrus');
    expect(refreshes().asked).toBe(1);
  });

  test('ten calls at once that are refused: one renewal', async () => {
    const client = connect();
    await who(client);
    linear.control.addFault({ kind: 'expired-token' });
    linear.control.addFault({ kind: 'latency', ms: 100, field: 'oauthToken', times: 1 });
    const names = await Promise.all(Array.from({ length: 10 }, () => who(client)));
    expect(new Set(names)).toEqual(new Set(['Cyrus']));
    expect(refreshes().given).toBe(2);
  });

  test('a lost answer: the same token is shown again and Linear repeats itself', async () => {
    linear.control.addFault({ kind: 'cut', field: 'oauthToken' });
    const client = connect();
    expect(await who(client)).toMatch(/did not answer/);
    expect(await stored()).toMatchObject({ refreshToken: 'first', askedAt: expect.any(Number) });
    expect(await who(client)).toBe('Cyrus');
    expect(changes).toEqual([]);
  });

  test('a newest token that is worth nothing: the one before brings it again', async () => {
    await who(connect());
    const pair = await stored();
    await tokens().write(key, { ...pair, accessToken: 'gone', refreshToken: 'never-given' });
    expect(await who(connect())).toBe('Cyrus');
    expect(changes).toEqual([]);
  });

  test('a disk that is full: the pair is used, and written when there is room', async () => {
    const real = tokens();
    let full = true;
    let writes = 0;
    const store: TokenStore = {
      ...real,
      async write(name, value) {
        if (full && ++writes === 2) throw new Error('ENOSPC: no space left on device');
        await real.write(name, value);
      },
    };
    const client = connect({ store });
    expect(await who(client)).toBe('Cyrus');
    expect((await stored()).refreshToken).toBe('first');
    full = false;
    expect(await who(client)).toBe('Cyrus');
    expect((await stored()).refreshToken).not.toBe('first');
    expect(refreshes().asked).toBe(1);
  });

  test('a home that cannot be written asks Linear for nothing', async () => {
    const store: TokenStore = { ...tokens(), write: async () => Promise.reject(new Error('EROFS: read-only file system')) };
    expect(await who(connect({ store }))).toMatch(/cannot be kept: EROFS/);
    expect(refreshes().asked).toBe(0);
  });
});

describe('several processes and kills', () => {
  const environment = (more: Record<string, string> = {}) => ({
    DIRECTORY: directory,
    LINEAR_URL: linear.graphqlUrl,
    FIRST: 'first',
    ...more,
  });

  test('killed between the answer and its keeping: still logged in', async () => {
    await using child = startChild('./support/refresh-child.ts', environment({ HANG: '1' }));
    expect(await child.line()).toBe('ready');
    child.say('go');
    expect(await child.line()).toBe('answered');
    await child.kill();
    expect((await stored()).refreshToken).toBe('first');
    expect(await who(connect())).toBe('Cyrus');
    expect(changes).toEqual([]);
  });

  test('killed while the pair was being written, and started again when Linear repeats nothing any more: still logged in', async () => {
    await begin({ timeScale: 3_600 });
    await who(connect());
    const file = join(directory, 'k.json');
    await copyFile(file, `${file}.new`);
    await tokens().locked(key, async () => {
      const pair = JSON.parse(await readFile(file, 'utf8')) as StoredTokens;
      await writeFile(file, JSON.stringify({ refreshToken: 'first', askedAt: pair.obtainedAt }));
    });
    // Half an hour of Linear's passes.
    const over = async (): Promise<boolean> => {
      const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: 'first', client_id: 'app' });
      return (await fetch(`${linear.url}/oauth/token`, { method: 'POST', body: form })).status === 400;
    };
    await expect.poll(over).toBe(true);
    linear.control.addFault({ kind: 'expired-token' });
    expect(await who(connect())).toBe('Cyrus');
    expect(changes).toEqual([]);
  });

  test('two at once: one renewal; each goes on with the other’s pair', async () => {
    await using one = startChild('./support/refresh-child.ts', environment());
    await using two = startChild('./support/refresh-child.ts', environment());
    expect([await one.line(), await two.line()]).toEqual(['ready', 'ready']);
    linear.control.addFault({ kind: 'latency', ms: 300, field: 'oauthToken', times: 1 });
    one.say('go');
    two.say('go');
    expect([await one.line(), await two.line()]).toEqual(['viewer Cyrus', 'viewer Cyrus']);
    expect(refreshes().asked).toBe(1);
    linear.control.addFault({ kind: 'expired-token' });
    one.say('go');
    expect(await one.line()).toBe('viewer Cyrus');
    two.say('go');
    expect(await two.line()).toBe('viewer Cyrus');
    expect(refreshes().asked).toBe(2);
  });

  test.each([
    ['a process that is gone', '4194305 gone'],
    ['an earlier process that had our pid', `${process.pid} earlier`],
  ])('a lock of %s holds nobody up', async (_name, holder) => {
    await tokens().locked(key, async () => undefined);
    await writeFile(join(directory, 'k.lock'), holder);
    expect(await who(connect())).toBe('Cyrus');
    await expect(readFile(join(directory, 'k.lock'))).rejects.toThrow('ENOENT');
  });

  test('one after the other under a lock, also in one process', async () => {
    const order: string[] = [];
    const work = (name: string) =>
      tokens().locked(key, async () => {
        order.push(`${name} in`);
        await new Promise((resolve) => setImmediate(resolve));
        order.push(`${name} out`);
      });
    await Promise.all(['a', 'b', 'c'].map(work));
    expect(order.map((line) => line.slice(2))).toEqual(['in', 'out', 'in', 'out', 'in', 'out']);
    expect(new Set(order).size).toBe(6);
  });
});

describe('a login that has ended', () => {
  test('is told once, with what to do, and asked about every few minutes at most', async () => {
    linear.control.addFault({ kind: 'token-error', error: 'invalid_grant', times: 100 });
    const clock = manualClock(Date.now());
    const client = connect({ clock });
    for (let call = 0; call < 5; call++) expect(await who(client)).toMatch(/does not accept the login/);
    const refused = await readViewer(client);
    expect(refused.ok ? 0 : refused.error.failure.retryAt).toBe(clock.now() + 5_000);
    expect(changes).toEqual([expect.objectContaining({ class: 'auth', fix: expect.stringContaining('cyrus linear login') })]);
    expect(refreshes().asked).toBe(1);
    clock.advance(5 * 60_000);
    await who(client);
    expect(refreshes().asked).toBe(2);
    expect(changes).toHaveLength(1);
  });

  test('whose access token has time left is asked about no more often', async () => {
    const client = connect();
    expect(await who(client)).toBe('Cyrus');
    linear.control.addFault({ kind: 'expired-token' });
    linear.control.addFault({ kind: 'token-error', error: 'invalid_grant', times: 100 });
    const { total } = linear.control.calls();
    for (let call = 0; call < 5; call++) expect(await who(client)).toMatch(/does not accept the login/);
    expect(linear.control.calls().total - total).toBe(1);
    // The newest, and the one before it.
    expect(refreshes().asked).toBe(3);
    expect(changes).toHaveLength(1);
  });

  test('works again at once after a new login by another process', async () => {
    linear.control.addFault({ kind: 'token-error', error: 'invalid_grant', times: 1 });
    const client = connect();
    await who(client);
    await tokens().write(key, { accessToken: 'lin_oauth_app', refreshToken: 'other' });
    expect(await who(client)).toBe('Cyrus');
    expect(changes).toEqual([expect.objectContaining({ class: 'auth' }), undefined]);
  });

  test.each([
    ['logged_out', /logged out/],
    ['revoked', /taken back/],
  ] as const)('%s: nothing is asked, the reason is told', async (gone, message) => {
    await tokens().write(key, { gone });
    expect(await who(connect())).toMatch(message);
    expect(linear.control.grants()).toEqual({});
  });

  test.each<[string, Wanted, RegExp]>([
    ['an application that Linear does not know', { app: { clientSecret: 'wrong' } }, /linear\.clientSecret/],
    ['no application', { app: null }, /LINEAR_CLIENT_ID/],
  ])('%s is told with what to set', async (_name, wanted, fix) => {
    await who(connect(wanted));
    expect(changes).toEqual([expect.objectContaining({ class: 'auth', fix: expect.stringMatching(fix) })]);
  });

  test('a file that is damaged is told, not overwritten', async () => {
    await who(connect());
    await writeFile(join(directory, 'k.json'), '{"refreshToken":');
    expect(await who(connect())).toMatch(/k\.json is damaged/);
  });
});

describe('client credentials', () => {
  const origin: Origin = { kind: 'client' };
  const minted = () => linear.control.grants()['client_credentials']?.given ?? 0;

  test('a token is minted when one is needed, shared by restarts, and minted again once when it is refused', async () => {
    const client = connect({ origin });
    expect(await Promise.all([who(client), who(client), who(client)])).toEqual(['Cyrus', 'Cyrus', 'Cyrus']);
    expect(await who(connect({ origin }))).toBe('Cyrus');
    expect(minted()).toBe(1);
    linear.control.addFault({ kind: 'expired-token' });
    expect(await Promise.all([who(client), who(client), who(client)])).toEqual(['Cyrus', 'Cyrus', 'Cyrus']);
    expect(minted()).toBe(2);
  });

  test('a secret that is wrong', async () => {
    expect(await who(connect({ origin, app: { clientSecret: 'wrong' } }))).toMatch(/does not accept the application/);
    expect(changes).toHaveLength(1);
  });
});
