import { checkConfig } from 'cyrus-core/config/parse';
import type { Config } from 'cyrus-core/config/schema';
import { fingerprint, type StoredTokens } from 'cyrus-linear/token-store';
import { expect, test } from 'vitest';
import { configuredMark, type LinearSource, linearSourceOf } from './linear-token.ts';

const config = (file: object): Config => {
  const result = checkConfig(file);
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value.config;
};
const app = { clientId: 'app', clientSecret: 'secret' };
const mark = fingerprint;
const login = (configured?: string): StoredTokens => ({
  accessToken: 'a',
  refreshToken: 'r',
  ...(configured === undefined ? {} : { configured: mark(configured) }),
});

test.each<[string, object, StoredTokens | undefined, LinearSource | undefined]>([
  ['nothing', {}, undefined, undefined],
  ['a token', { linear: { token: 't' } }, undefined, { kind: 'fixed', key: `token-${mark('t')}`, token: 't' }],
  [
    'a refresh token, with the access token beside it',
    { linear: { token: 't', refreshToken: 'r', ...app } },
    undefined,
    { kind: 'configured', key: `refresh-${mark('r')}`, refreshToken: 'r', accessToken: 't' },
  ],
  [
    'as upstream writes it',
    { linearWorkspaces: { w: { linearToken: 't', linearRefreshToken: 'r' } }, linear: { token: 'other' } },
    undefined,
    { kind: 'configured', key: `refresh-${mark('r')}`, refreshToken: 'r', accessToken: 't' },
  ],
  ['an application alone', { linear: app }, undefined, { kind: 'client', key: `app-${mark('app secret')}` }],
  [
    'a token beats the application',
    { linear: { token: 't', ...app } },
    undefined,
    { kind: 'fixed', key: `token-${mark('t')}`, token: 't' },
  ],
  ['a login', { linear: app }, login(), { kind: 'login', key: 'login-w' }],
  ['a login made over the configured token', { linear: { token: 't' } }, login('t'), { kind: 'login', key: 'login-w' }],
  [
    'a configured refresh token that is newer than the login',
    { linear: { refreshToken: 'new' } },
    login('old'),
    { kind: 'configured', key: `refresh-${mark('new')}`, refreshToken: 'new' },
  ],
  [
    'a token that was configured after the login',
    { linear: { token: 't' } },
    login(),
    { kind: 'fixed', key: `token-${mark('t')}`, token: 't' },
  ],
  ['a login whose configured token was taken out', {}, login('t'), { kind: 'login', key: 'login-w' }],
  ['a login that was taken back, and nothing else', {}, { gone: 'revoked' }, { kind: 'login', key: 'login-w' }],
  [
    'a login that was taken back, and an application',
    { linear: app },
    { gone: 'revoked' },
    { kind: 'client', key: `app-${mark('app secret')}` },
  ],
  ["another workspace's token is not this one's", { linearWorkspaces: { v: { linearToken: 't' } } }, undefined, undefined],
])('%s', (_name, file, kept, expected) => {
  expect(linearSourceOf(config(file), 'w', kept)).toEqual(expected);
});

test('what is remembered beside a login tells configured secrets apart and names none', () => {
  const one = configuredMark(config({ linear: { token: 'lin_api_one' } }), 'w');
  expect(one).not.toBe(configuredMark(config({ linear: { token: 'lin_api_two' } }), 'w'));
  expect(one).not.toContain('one');
  expect(configuredMark(config({}), 'w')).toBeUndefined();
});
