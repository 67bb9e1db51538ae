import { describe, expect, test } from 'vitest';
import { outerProxies } from './outer-proxy.ts';

const corp = { HTTPS_PROXY: 'http://proxy.corp:3128', http_proxy: 'plain.corp:8080' };
const hostOf = (environment: Record<string, string>, host: string, port = 443, secure = true): string | undefined =>
  outerProxies(environment)({ host, port, secure })?.host;

describe('the proxy of this host', () => {
  test('is the one that its variables name, for what goes by TLS and for what does not', () => {
    expect(hostOf(corp, 'example.com')).toBe('proxy.corp');
    expect(hostOf(corp, 'example.com', 80, false)).toBe('plain.corp');
    expect(hostOf({}, 'example.com')).toBeUndefined();
    expect(hostOf({ https_proxy: 'http://small', HTTPS_PROXY: 'http://large' }, 'example.com')).toBe('small');
    expect(outerProxies(corp)({ host: 'example.com', port: 80, secure: false })).toMatchObject({ port: 8080, secure: false });
  });

  test('is asked with its password, by TLS where it says so', () => {
    const named = outerProxies({ HTTPS_PROXY: 'https://me:p%40ss@proxy.corp' })({ host: 'example.com', port: 443, secure: true });
    expect(named).toEqual({
      host: 'proxy.corp',
      port: 443,
      secure: true,
      authorization: `Basic ${Buffer.from('me:p@ss').toString('base64')}`,
    });
  });

  test('is asked with a password that holds a percent sign of its own', () => {
    const named = outerProxies({ HTTPS_PROXY: 'http://me:100%@proxy.corp' })({ host: 'example.com', port: 443, secure: true });
    expect(named?.authorization).toBe(`Basic ${Buffer.from('me:100%').toString('base64')}`);
  });

  test.each(['socks5://proxy.corp:1080', 'http://', '::', ''])('is none where %j is written', (written) => {
    expect(hostOf({ HTTPS_PROXY: written }, 'example.com')).toBeUndefined();
  });

  test.each(['localhost', 'app.localhost', '127.0.0.1', '127.8.8.8', '::1', '[::1]'])('never leads to this host itself: %s', (host) => {
    expect(hostOf(corp, host)).toBeUndefined();
  });

  test.each<[noProxy: string, host: string, port: number, without: boolean]>([
    ['example.com', 'example.com', 443, true],
    ['example.com', 'EXAMPLE.com.', 443, true],
    ['example.com', 'www.example.com', 443, true],
    ['.example.com', 'www.example.com', 443, true],
    ['*.example.com', 'www.example.com', 443, true],
    ['example.com', 'notexample.com', 443, false],
    ['a.org, example.com', 'example.com', 443, true],
    ['a.org example.com', 'example.com', 443, true],
    ['example.com:8443', 'example.com', 8443, true],
    ['example.com:8443', 'example.com', 443, false],
    ['*', 'example.com', 443, true],
    ['10.0.0.7', '10.0.0.7', 443, true],
    ['10.0.0.0/8', '10.9.9.9', 443, true],
    ['10.0.0.0/8', '11.0.0.1', 443, false],
    ['10.0.0.0/8', 'example.com', 443, false],
    ['10.0.0.0/99', '10.0.0.1', 443, false],
    ['fd00::/8', 'fd12::1', 443, true],
    ['fd12::1', 'fd12::1', 443, true],
  ])('is left out by NO_PROXY=%j: %s:%i → %s', (noProxy, host, port, without) => {
    expect(hostOf({ ...corp, NO_PROXY: noProxy }, host, port) === undefined).toBe(without);
  });
});
