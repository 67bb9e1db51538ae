import { expect, test } from 'vitest';
import { guardChecks } from './check-guard.ts';
import { checkSources } from './check-sources.ts';
import type { TreeFile } from './tree-files.ts';

const manifest = (scripts: object, more: object = {}): string => JSON.stringify({ ...more, scripts });
const tree = (files: Record<string, string>): Map<string, TreeFile> =>
  new Map(Object.entries(files).map(([path, content]) => [path, { content, executable: path.endsWith('.sh') }]));

test.each<[string, string[], object, string[], string[]]>([
  [
    'npm test and what it reaches',
    ['npm test'],
    { test: 'npm run unit && sh ./ci/check.sh', unit: 'vitest', build: 'tsc' },
    ['test', 'unit'],
    ['ci/check.sh'],
  ],
  ['hooks of a script', ['npm test'], { pretest: 'npm run build', test: 'x', build: 'tsc' }, ['build', 'pretest', 'test'], []],
  ['patterns', ['npx npm-run-all test:*'], { 'test:a': 'x', 'test:b': 'y', other: 'z' }, ['test:a', 'test:b'], []],
  ['scripts that name each other', ['npm test'], { test: 'npm run a', a: 'npm run test' }, ['a', 'test'], []],
  ['a script run as a program', ['CI=1 ./run-tests --all'], {}, [], ['run-tests']],
  [
    'a program of an interpreter',
    ['npm test'],
    { test: 'node ./tools/check.js && python3 -u lint.py' },
    ['test'],
    ['lint.py', 'tools/check.js'],
  ],
  ['tests are the work’s own', ['node test/all.js && node --test x.js && python3 a_test.py && node api.spec.mjs'], {}, [], []],
  ['a script outside is not one of the repository', ['sh /opt/check.sh && sh ../x.sh'], {}, [], []],
  ['words that are no script runner reach nothing', ['echo test'], { test: 'x' }, [], []],
])('%s', (_name, commands, scripts, reached, files) => {
  const sources = checkSources(commands, manifest(scripts));
  expect(sources.scripts).toEqual(reached);
  expect(sources.files.filter((file) => !file.startsWith('.') && file !== 'bunfig.toml')).toEqual(files);
});

test('make reads the first of three files: all of them are guarded', () => {
  expect(checkSources(['make -k test'], undefined).files).toEqual(['GNUmakefile', 'Makefile', 'makefile']);
});

test('a rewritten script is put back, and the rest of package.json stays as the work has it', () => {
  const base = tree({ 'package.json': manifest({ test: 'node --test', build: 'a' }, { dependencies: { a: '1' } }) });
  const head = tree({
    'package.json': manifest({ test: 'exit 0', build: 'b', extra: 'c', pretest: 'rm -rf test' }, { dependencies: { a: '2' } }),
  });
  const [file] = guardChecks({ scripts: ['test'], files: [] }, base, head);
  expect(file).toMatchObject({ path: 'package.json', changed: true });
  expect(JSON.parse(file?.content ?? '')).toEqual({ dependencies: { a: '2' }, scripts: { test: 'node --test', build: 'b', extra: 'c' } });
});

test('an untouched package.json is kept to the byte', () => {
  const text = `{\n\t"scripts": {"test": "x"}  }`;
  expect(guardChecks({ scripts: ['test'], files: [] }, tree({ 'package.json': text }), tree({ 'package.json': text }))).toEqual([
    { path: 'package.json', content: text, executable: false, changed: false },
  ]);
});

test('settings and build files that the work added go away, those it changed come back', () => {
  const guarded = guardChecks(
    { scripts: [], files: ['.npmrc', 'GNUmakefile', 'Makefile', 'ci/check.sh'] },
    tree({ Makefile: 'test:\n\tx\n', 'ci/check.sh': 'old' }),
    tree({ Makefile: 'test:\n\ttrue\n', GNUmakefile: 'test:\n\ttrue\n', '.npmrc': 'script-shell=/bin/true', 'ci/check.sh': 'old' }),
  );
  expect(guarded).toEqual([
    { path: '.npmrc', executable: false, changed: true },
    { path: 'GNUmakefile', executable: false, changed: true },
    { path: 'Makefile', content: 'test:\n\tx\n', executable: false, changed: true },
    { path: 'ci/check.sh', content: 'old', executable: true, changed: false },
  ]);
});
