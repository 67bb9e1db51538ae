import { expect, test } from 'vitest';
import { documentationDefault, isDocumentation } from './documentation.ts';

test.each<[string, readonly string[], boolean]>([
  ['README.md', documentationDefault, true],
  ['packages/x/deep/NOTES.md', documentationDefault, true],
  ['docs/logo.svg', documentationDefault, true],
  ['docs', documentationDefault, false],
  ['docsy/x.ts', documentationDefault, false],
  ['src/docs/x.ts', documentationDefault, false],
  ['src/x.ts', documentationDefault, false],
  ['src/x.md.ts', documentationDefault, false],
  ['.git/hooks/x.md', documentationDefault, false],
  ['../x.md', documentationDefault, false],
  ['manual/a.txt', ['manual'], true],
  ['manual/a.txt', ['./manual/'], true],
  ['a+b.txt', ['a+b.txt'], true],
  ['aab.txt', ['a+b.txt'], false],
  ['x1.rst', ['x?.rst'], true],
  ['x/1.rst', ['x?1.rst'], false],
])('%s among %j: %s', (path, patterns, expected) => expect(isDocumentation(path, patterns)).toBe(expected));
