import { afterAll, beforeAll, expect, test } from 'vitest';
import { lfsUse } from '../src/lfs.ts';
import type { Mirror } from '../src/mirror.ts';
import { newSetting, type Setting } from './setting.ts';

const pointer = (letter: string): string => `version https://git-lfs.github.com/spec/v1\noid sha256:${letter.repeat(64)}\nsize 12345\n`;
let setting: Setting;
let mirror: Mirror;
beforeAll(async () => {
  setting = await newSetting();
  mirror = await setting.checkouts.mirror({ id: 'repo', remoteUrl: setting.upstream });
});
afterAll(() => setting.end());
async function used(files: Record<string, string>) {
  const sha = await setting.commit(files);
  await mirror.fetch();
  return lfsUse(mirror, sha);
}

test('a repository without LFS uses none, though it speaks of it', async () => {
  expect(await used({ '.gitattributes': '* text=auto\n# *.bin filter=lfs\n', 'docs/lfs.md': pointer('a') })).toBeUndefined();
});

test('files and patterns are named, those of nested .gitattributes too', async () => {
  const use = await used({
    '.gitattributes': '*.bin filter=lfs diff=lfs merge=lfs -text\n"with space/*.dat" filter=lfs -text\n/top.iso filter=lfs\n',
    'assets/.gitattributes': '*.png filter=lfs diff=lfs merge=lfs -text\n',
    'a.bin': pointer('a'),
    'deep/down/b é.bin': pointer('b'),
    'with space/c.dat': pointer('c'),
    'assets/d.png': pointer('d'),
    'other/e.png': pointer('e'),
    'no-pointer.bin': 'real content',
  });
  expect(use?.patterns).toEqual(['**/*.bin', 'with space/*.dat', 'top.iso', 'assets/**/*.png']);
  expect([...(use?.files ?? [])].sort()).toEqual(['a.bin', 'assets/d.png', 'deep/down/b é.bin', 'with space/c.dat']);
});
