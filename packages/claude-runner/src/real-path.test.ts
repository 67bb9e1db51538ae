import { mkdir, mkdtemp, realpath, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { realPath } from './real-path.ts';

let root: string;
beforeAll(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'cyrus-real-path-')));
  await mkdir(join(root, 'a', 'b'), { recursive: true });
  await symlink('/nowhere/new-file', join(root, 'dangling'));
  await symlink('b', join(root, 'a', 'relative'));
  await symlink(join(root, 'a'), join(root, 'absolute'));
  await symlink('loop', join(root, 'loop'));
  await symlink('../../outside', join(root, 'a', 'climbs'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

test.each<[string, string]>([
  ['a/b', '{root}/a/b'],
  ['a/new/file', '{root}/a/new/file'],
  ['dangling', '/nowhere/new-file'],
  ['dangling/below', '/nowhere/new-file/below'],
  ['a/relative/x', '{root}/a/b/x'],
  ['absolute/relative/x', '{root}/a/b/x'],
  ['loop/x', '{root}/loop/x'],
])('%s leads to %s', (path, expected) => expect(realPath(join(root, path))).toBe(expected.replace('{root}', root)));

test('a link that climbs out leads out', () => expect(realPath(join(root, 'a', 'climbs', 'x'))).toBe(join(root, '..', 'outside', 'x')));
