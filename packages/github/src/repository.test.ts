import { expect, test } from 'vitest';
import { parseRemote } from './repository.ts';

test.each([
  ['https://github.com/acme/widget.git', 'acme/widget', 'https://api.github.com'],
  ['https://github.com/acme/widget', 'acme/widget', 'https://api.github.com'],
  ['https://www.github.com/acme/widget/', 'acme/widget', 'https://api.github.com'],
  ['https://x-access-token:ghp_secret@github.com/acme/widget.git', 'acme/widget', 'https://api.github.com'],
  ['git@github.com:acme/widget.git', 'acme/widget', 'https://api.github.com'],
  ['github.com:acme/wid.get', 'acme/wid.get', 'https://api.github.com'],
  ['ssh://git@ssh.github.com:443/acme/widget.git', 'acme/widget', 'https://api.github.com'],
  ['git://GitHub.com/acme/widget.git', 'acme/widget', 'https://api.github.com'],
  ['https://corp.ghe.com/acme/widget.git', 'acme/widget', 'https://api.corp.ghe.com'],
  ['https://git.corp.example:8443/acme/widget.git', 'acme/widget', 'https://git.corp.example:8443/api/v3'],
  ['ssh://git@git.corp.example:2222/acme/widget.git', 'acme/widget', 'https://git.corp.example/api/v3'],
  ['git@git.corp.example:acme/widget.git', 'acme/widget', 'https://git.corp.example/api/v3'],
  ['http://127.0.0.1:4567/acme/widget.git', 'acme/widget', 'http://127.0.0.1:4567'],
  ['http://any:tok@localhost:4567/acme/widget.git', 'acme/widget', 'http://localhost:4567'],
])('%s is %s with its API at %s', (remote, name, apiUrl) => {
  const parsed = parseRemote(remote);
  expect(parsed.ok && { name: `${parsed.value.owner}/${parsed.value.name}`, apiUrl: parsed.value.apiUrl }).toEqual({ name, apiUrl });
});

test('a configured API address wins', () => {
  expect(parseRemote('git@git.corp.example:acme/widget.git', 'https://api.corp.example/')).toMatchObject({
    value: { apiUrl: 'https://api.corp.example', host: 'git.corp.example' },
  });
});

test.each([
  '/srv/git/widget.git',
  '../widget',
  'file:///srv/widget.git',
  'https://github.com/acme',
  'https://github.com/acme/widget/tree/main',
  'https://github.com/acme/..',
  'https://github.com/ac me/widget',
  'https://github.com/acme/$(id)',
  'https://u:s3cret@github.com/acme',
  '',
])('%j names no repository, and the message tells no secret', (remote) => {
  const parsed = parseRemote(remote);
  expect(parsed).toMatchObject({ ok: false, error: { class: 'invalid_request' } });
  expect(JSON.stringify(parsed)).not.toContain('s3cret');
});
