import { expect, test } from 'vitest';
import { fileKey, fileName } from './file-name.ts';
import { mediaTypeOf } from './media-type.ts';

const url = 'https://uploads.linear.app/o/1';

test.each([
  ['door.png', 'image/png', 'door.png'],
  ['The Door (final)', 'image/png', 'The-Door-final.png'],
  ['photo.png', 'image/jpeg', 'photo.jpg'],
  ['trace.log', 'text/plain', 'trace.log'],
  ['notes', 'text/plain', 'notes.txt'],
  ['../../etc/passwd', 'text/plain', 'etc-passwd.txt'],
  ['..', 'application/octet-stream', 'file.bin'],
  ['.ssh/authorized_keys', 'text/plain', 'ssh-authorized_keys.txt'],
  ['a/../../b.sh', 'text/plain', 'a-.-.-b.sh'],
  ['-rf.txt', 'text/plain', 'rf.txt'],
  ['\u202eгpj.exe\0', 'application/octet-stream', 'pj.exe'],
  [`${'x'.repeat(300)}.md`, 'text/plain', `${'x'.repeat(60)}.md`],
  ['', 'image/png', 'file.png'],
])('%j that is %s', (name, mediaType, expected) => {
  const given = fileName(url, name, mediaType);
  expect(given).toBe(`${fileKey(url)}-${expected}`);
  expect(given).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]*$/);
});

test('two addresses are two files, whatever they are called; a signature makes no other file', () => {
  expect(fileName(url, 'a', 'image/png')).not.toBe(fileName(`${url}2`, 'a', 'image/png'));
  expect(fileKey(`${url}?signature=1`)).toBe(fileKey(url));
});

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
test.each([
  [bytes(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 1), 'image/png'],
  [bytes(0xff, 0xd8, 0xff, 0xe0), 'image/jpeg'],
  [Buffer.from('RIFF\0\0\0\0WEBPVP8 '), 'image/webp'],
  [Buffer.from('%PDF-1.7'), 'application/pdf'],
  [Buffer.from('hello wörld'), 'text/plain'],
  [Buffer.from(`${'a'.repeat(8191)}ö`), 'text/plain'],
  [Buffer.from('<!DOCTYPE html><p>not found'), 'text/html'],
  [Buffer.from('<?xml version="1.0"?>\n<svg xmlns="x"/>'), 'image/svg+xml'],
  [bytes(0xc3, 0x28), 'application/octet-stream'],
  [bytes(1, 0, 2), 'application/octet-stream'],
  [bytes(), 'text/plain'],
])('content %#', (content, expected) => expect(mediaTypeOf(content)).toBe(expected));
