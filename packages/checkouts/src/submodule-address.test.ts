import { expect, test } from 'vitest';
import { relativeAddress } from './submodule-address.ts';

test.each([
  ['https://host.test/acme/app.git', '../lib.git', 'https://host.test/acme/lib.git'],
  ['https://host.test/acme/app', './nested', 'https://host.test/acme/app/nested'],
  ['https://host.test:8443/a/b/app/', '../../other/lib', 'https://host.test:8443/a/other/lib'],
  ['git@host.test:acme/app.git', '../lib.git', 'git@host.test:acme/lib.git'],
  ['git@host.test:app.git', '../lib.git', 'git@host.test:lib.git'],
  ['ssh://git@host.test/acme/app', '../lib', 'ssh://git@host.test/acme/lib'],
  ['/srv/git/app.git', '../lib.git', '/srv/git/lib.git'],
  ['https://host.test/acme/app', 'https://other.test/lib', 'https://other.test/lib'],
])('%s with %s is %s', (parent, url, address) => {
  expect(relativeAddress(parent, url)).toBe(address);
});

test.each([
  ['https://host.test/acme/app', '../../../evil.test/lib'],
  ['git@host.test:app', '../../lib'],
  ['/srv', '../../../etc'],
])('%s with %s leads nowhere', (parent, url) => {
  expect(() => relativeAddress(parent, url)).toThrow('leads out of the host');
});
