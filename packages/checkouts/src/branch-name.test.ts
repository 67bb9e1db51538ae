import fc from 'fast-check';
import { expect, test } from 'vitest';
import { branchName, branchPattern } from './branch-name.ts';
import { isRefName } from './names.ts';

test.each([
  ['ENG-1', 'Fix the parser', undefined, 'cyrus/eng-1-fix-the-parser'],
  ['ENG-1', 'Fix the parser', 2, 'cyrus/eng-1-fix-the-parser-2'],
  ['ENG-1', '', undefined, 'cyrus/eng-1'],
  ['', '', undefined, 'cyrus/issue'],
  ['ENG-1', '$(rm -rf /); `id` && "x" | ../../.git/config.lock~^:?*[\\ @{0}', undefined, 'cyrus/eng-1-rm-rf-id-x-git-config-lock-0'],
  ['ENG-1', 'Größe der Café-Liste', undefined, 'cyrus/eng-1-gro-e-der-cafe-liste'],
  ['ENG-1', '\u202egnp.exe 修复 💥', undefined, 'cyrus/eng-1-gnp-exe'],
  ['ENG-1', 'a\0b\nc\x1b[31md', undefined, 'cyrus/eng-1-a-b-c-31md'],
  ['ENG-1', '--upload-pack=x', undefined, 'cyrus/eng-1-upload-pack-x'],
  [
    'ENG-1',
    'a title that is far too long for a branch to be named after it',
    undefined,
    'cyrus/eng-1-a-title-that-is-far-too-long-for-a-branch-to-be',
  ],
  ['ENG-1', 'x'.repeat(1_000_000), undefined, `cyrus/eng-1-${'x'.repeat(48)}`],
])('%j, %j, %j', (identifier, title, number, expected) => {
  expect(branchName({ identifier, title, ...(number === undefined ? {} : { number }) })).toBe(expected);
});

test('whatever the issue is called, the branch is one of ours, short, and a valid ref', () => {
  const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.string({ unit: 'grapheme' }), fc.string());
  fc.assert(
    fc.property(text, text, fc.option(fc.nat(), { nil: undefined }), (identifier, title, number) => {
      const name = branchName({ identifier, title, ...(number === undefined ? {} : { number }) });
      expect(name).toMatch(branchPattern);
      expect(isRefName(name)).toBe(true);
      expect(name.length).toBeLessThan(110);
    }),
  );
});
