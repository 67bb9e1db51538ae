import { expect, test } from 'vitest';
import { remoteOf } from './remote.ts';

const credentials = (origin: string, password: string, username = 'x-access-token') => ({ credentials: { origin, username, password } });

test.each([
  ['https://github.com/o/r.git', undefined, { url: 'https://github.com/o/r.git', kind: 'http' }],
  ['https://github.com/o/r.git', 't', { url: 'https://github.com/o/r.git', kind: 'http', ...credentials('https://github.com', 't') }],
  ['https://u:p%40x@h:8443/r', undefined, { url: 'https://h:8443/r', kind: 'http', ...credentials('https://h:8443', 'p@x', 'u') }],
  ['https://u:p@h/r', 't', { url: 'https://h/r', kind: 'http', ...credentials('https://h', 't', 'u') }],
  ['git@github.com:o/r.git', undefined, { url: 'git@github.com:o/r.git', kind: 'ssh' }],
  ['git@github.com:o/r.git', 't', { url: 'https://github.com/o/r.git', kind: 'http', ...credentials('https://github.com', 't') }],
  ['ssh://git@github.com/o/r.git', 't', { url: 'https://github.com/o/r.git', kind: 'http', ...credentials('https://github.com', 't') }],
  ['ssh://git@host:2222/r', undefined, { url: 'ssh://git@host:2222/r', kind: 'ssh' }],
  ['/srv/r.git', 't', { url: '/srv/r.git', kind: 'local' }],
  ['file:///srv/r.git', undefined, { url: '/srv/r.git', kind: 'local' }],
] as const)('%s with token %s', (address, token, expected) => expect(remoteOf(address, token)).toEqual(expected));
