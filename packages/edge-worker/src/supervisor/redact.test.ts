import { expect, test } from 'vitest';
import { createKnownSecretsMask, createRedact } from './redact.ts';

const redact = createRedact(['s3cret/with+signs==', 'short', 'line one\nline two of a key']);

test.each([
  ['a configured secret', 'token s3cret/with+signs== used', 'token [redacted] used'],
  ['as it looks in a URL', 'https://x/?t=s3cret%2Fwith%2Bsigns%3D%3D', 'https://x/?t=[redacted]'],
  ['as it looks in JSON', '{"key":"line one\\nline two of a key"}', '{"key":"[redacted]"}'],
  ['a Linear key', `lin_api_${'a1'.repeat(20)}`, '[redacted]'],
  ['a GitHub token', `ghp_${'A1'.repeat(18)}.`, '[redacted].'],
  ['an Anthropic key', `key=sk-ant-api03-${'x'.repeat(40)}`, 'key=[redacted]'],
  ['a secret key of AWS', 'aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', 'aws_secret_access_key = [redacted]'],
  ['a key of Google', `key AIza${'Sy0123-_x'.repeat(3)}01234567`, 'key [redacted]'],
  ['a header', `Authorization: Bearer ${'abc'.repeat(9)}`, 'Authorization: Bearer [redacted]'],
  ['a password in an address', 'postgres://me:hunter22@db/x', 'postgres://me:[redacted]@db/x'],
  ['a private key', '-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\nrest', '[redacted]\nrest'],
  ['a web token', `x eyJhbGciOiJI.eyJzdWIiOiIx.${'s'.repeat(20)} y`, 'x [redacted] y'],
])('masks %s', (_name, text, expected) => {
  expect(redact(text)).toBe(expected);
});

test.each([
  ['a commit', '9f2c1b7d3e5a4f60718293a4b5c6d7e8f9012345'],
  ['a UUID', '3b241101-e2bb-4255-8caf-4136c566a962'],
  ['an address without a password', 'https://github.com/acme/app.git and git@github.com:acme/app.git'],
  ['a word that is too short to be a secret', 'a short story'],
  ['an import with a scope and a time', 'import "@scope/pkg" at 10:20:30'],
  ['code that names a token', 'const token = readToken(); headers.authorization = value'],
])('leaves %s alone', (_name, text) => {
  expect(redact(text)).toBe(text);
});

test('a megabyte takes no noticeable time', () => {
  const text = 'ordinary words of a log line\n'.repeat(36_000);
  expect(redact(text)).toBe(text);
});

test('known secrets alone can be masked, and nothing else of a text changes', () => {
  const text = `("a ghp_${'A1'.repeat(18)}",s3cret-value,-----BEGIN PRIVATE KEY-----)`;
  expect(createKnownSecretsMask(['s3cret-value'])(text)).toBe(text.replace('s3cret-value', '[redacted]'));
});
