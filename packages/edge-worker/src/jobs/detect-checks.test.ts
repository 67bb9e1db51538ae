import { expect, test } from 'vitest';
import { detectChecks } from './detect-checks.ts';

const npm = (scripts: object, more: object = {}): string => JSON.stringify({ scripts, ...more });

test.each<[string, Record<string, string>, string[] | undefined, string?]>([
  ['a test script of npm', { 'package.json': npm({ test: 'node --test' }) }, ['npm test'], 'package.json'],
  ['pnpm by its lock file', { 'package.json': npm({ test: 'vitest' }), 'pnpm-lock.yaml': '' }, ['pnpm test']],
  ['yarn by its lock file', { 'package.json': npm({ test: 'jest' }), 'yarn.lock': '' }, ['yarn test']],
  [
    'the named package manager before the lock file',
    { 'package.json': npm({ test: 'x' }, { packageManager: 'pnpm@9.1.0' }), 'yarn.lock': '' },
    ['pnpm test'],
  ],
  ['bun runs the script, not its own test runner', { 'package.json': npm({ test: 'x' }), 'bun.lock': '' }, ['bun run test']],
  ['the placeholder of npm init is no check', { 'package.json': npm({ test: 'echo "Error: no test specified" && exit 1' }) }, undefined],
  ['a script before a Makefile', { 'package.json': npm({ test: 'x' }), Makefile: 'test:\n\ttrue\n' }, ['npm test']],
  [
    'a Makefile where package.json has no test',
    { 'package.json': npm({ build: 'x' }), Makefile: '.PHONY: test\ntest: build\n\ttrue\n' },
    ['make test'],
    'Makefile',
  ],
  ['a variable named test is no target', { Makefile: 'test := 1\nall:\n\ttrue\n' }, undefined],
  ['cargo', { 'Cargo.toml': '[package]' }, ['cargo test']],
  ['go', { 'go.mod': 'module x' }, ['go test ./...']],
  ['pytest by its section', { 'pyproject.toml': '[tool.pytest.ini_options]\n' }, ['python3 -m pytest']],
  ['pytest with uv', { 'pyproject.toml': 'dependencies = ["pytest"]', 'uv.lock': '' }, ['uv run python3 -m pytest']],
  ['python without pytest', { 'setup.py': '' }, ['python3 -m unittest discover']],
  ['gradle wrapper', { gradlew: '#!/bin/sh', 'build.gradle': '' }, ['./gradlew test']],
  ['maven', { 'pom.xml': '<project/>' }, ['mvn -B -q test']],
  ['a package.json that is not JSON', { 'package.json': '{oops' }, undefined],
  ['a package.json that is a list', { 'package.json': '[]' }, undefined],
  ['scripts that are not texts', { 'package.json': '{"scripts":{"test":{"$":1}}}' }, undefined],
  ['nothing', { 'README.md': '' }, undefined],
])('%s', (_name, files, commands, from) => {
  const detected = detectChecks(new Map(Object.entries(files)));
  expect(detected?.commands).toEqual(commands);
  if (from) expect(detected?.from).toBe(from);
});
