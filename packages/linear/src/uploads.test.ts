import { expect, test } from 'vitest';
import { uploadAt, uploadLinks, uploadOrigin } from './uploads.ts';

const origin = 'https://uploads.linear.app';
const at = (path: string): string => `${origin}/org/${path}`;

test.each([
  ['https://api.linear.app/graphql', origin],
  ['https://linear.app/graphql', origin],
  ['http://127.0.0.1:4000/graphql', 'http://127.0.0.1:4000'],
  ['https://notlinear.app/graphql', 'https://notlinear.app'],
])('the files of %s are at %s', (apiUrl, expected) => expect(uploadOrigin(apiUrl)).toBe(expected));

test.each<[string, string, { url: string; name: string }[]]>([
  ['an image', `See ![the door](${at('a/b')})`, [{ url: at('a/b'), name: 'the door' }]],
  ['a file with a title', `[re\\]port.pdf](${at('a/c')} "Report")`, [{ url: at('a/c'), name: 're]port.pdf' }]],
  ['an address with parentheses', `![x](${at('a/b_(1).png')})`, [{ url: at('a/b_(1).png'), name: 'x' }]],
  ['a bare address at the end of a sentence', `Look at ${at('a/log.txt')}.`, [{ url: at('a/log.txt'), name: 'log.txt' }]],
  ['an address in pointed brackets', `<${at('a/d')}>`, [{ url: at('a/d'), name: 'd' }]],
  ['one without a name', `![](${at('a/my%20shot.png')})`, [{ url: at('a/my%20shot.png'), name: 'my shot.png' }]],
  ['a broken escape in it', `![](${at('a/100%.png')})`, [{ url: at('a/100%.png'), name: '100%.png' }]],
  ['the same twice, once signed', `${at('a/b')} ![again](${at('a/b')}?signature=x)`, [{ url: at('a/b'), name: 'again' }]],
  ['links elsewhere', '![x](https://example.com/a/b) https://github.com/a/b', []],
  ['the host as a user name', 'https://uploads.linear.app@evil.test/a/b', []],
  ['a user name at the host', 'https://me:pw@uploads.linear.app/a/b', []],
  ['another port', 'https://uploads.linear.app:8443/a/b', []],
  ['without encryption', 'http://uploads.linear.app/a/b', []],
  ['a host that ends alike', 'https://xuploads.linear.app/a/b', []],
  ['no file', `${origin}/ ${origin}/graphql`, []],
])('%s', (_name, text, expected) => expect(uploadLinks([text], origin)).toEqual(expected));

test('texts are looked through in their order', () => {
  expect(uploadLinks([at('x/2'), `${at('x/1')} ${at('x/2')}`], origin).map(({ name }) => name)).toEqual(['2', '1']);
});

test('nothing that is no address is one', () => expect(uploadAt('nonsense', origin)).toBeUndefined());

test('a text made to be slow is not', () => {
  const nasty = `${'!['.repeat(20_000)}${'](https://uploads.linear.app/'.repeat(5_000)}`;
  const started = performance.now();
  uploadLinks([nasty], origin);
  expect(performance.now() - started).toBeLessThan(3_000);
});
