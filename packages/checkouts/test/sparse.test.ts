import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Checkout } from '../src/checkout.ts';
import type { Mirror } from '../src/mirror.ts';
import { git, newSetting, type Setting, write } from './setting.ts';

let setting: Setting;
let mirror: Mirror;
let made: Checkout;
beforeEach(async () => {
  setting = await newSetting({
    'README.md': 'hello\n',
    'packages/list.txt': 'list\n',
    'packages/app/a.txt': 'a\n',
    'packages/app/deep/b.txt': 'b\n',
    'packages/other/c.txt': 'c\n',
    'huge/d.txt': 'd\n',
  });
  mirror = await setting.checkouts.mirror({ id: 'repo', remoteUrl: setting.upstream });
  await mirror.fetch();
  const sha = (await mirror.resolve('main')) ?? '';
  made = await setting.checkouts.create({ mirror, name: 'task', sha, branch: 'cyrus/x', sparse: ['packages/app'] });
});
afterEach(() => setting.end());

const files = async (): Promise<string[]> => {
  const entries = await readdir(made.directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('/.git'))
    .map((entry) => join(entry.parentPath, entry.name).slice(made.directory.length + 1))
    .sort();
};
const changes = async (): Promise<string[]> => {
  const { sha } = await setting.checkouts.collect({ mirror, checkout: made, attempt: 'a' });
  const evidence = await setting.checkouts.evidence({ mirror, base: made.baseSha, head: sha });
  return evidence.files.map(({ path, status }) => `${status} ${path}`);
};

test('the checkout has the directories, and the files beside and above them', async () => {
  expect(await files()).toEqual(['README.md', 'packages/app/a.txt', 'packages/app/deep/b.txt', 'packages/list.txt']);
  expect(await git(made.directory, 'status', '--porcelain', '--branch')).toBe('## cyrus/x');
  expect(await git(made.directory, 'sparse-checkout', 'list')).toBe('packages/app');
});

test('work is what the agent did; what was never checked out is not deleted by it', async () => {
  await write(made.directory, { 'packages/app/new.txt': 'n\n', 'packages/list.txt': 'longer\n' });
  await rm(join(made.directory, 'packages/app/deep/b.txt'));
  expect(await changes()).toEqual(['deleted packages/app/deep/b.txt', 'added packages/app/new.txt', 'modified packages/list.txt']);
});

test('the same when the agent’s index is broken', async () => {
  await write(made.directory, { 'packages/app/new.txt': 'n\n', 'packages/list.txt': 'longer\n' });
  await rm(join(made.directory, 'packages/app/deep/b.txt'));
  await writeFile(join(made.directory, '.git/index'), 'garbage');
  expect(await changes()).toEqual(['deleted packages/app/deep/b.txt', 'added packages/app/new.txt', 'modified packages/list.txt']);
});

test('what the agent writes outside of its directories counts too, and so does what it committed', async () => {
  await write(made.directory, { 'huge/new.txt': 'n\n', 'packages/app/a.txt': 'A\n' });
  await git(made.directory, 'commit', '-q', '-am', 'Change a');
  expect(await changes()).toEqual(['added huge/new.txt', 'modified packages/app/a.txt']);
});

test('an agent that widens its checkout works on all of it', async () => {
  await git(made.directory, 'sparse-checkout', 'add', 'huge');
  expect(await readFile(join(made.directory, 'huge/d.txt'), 'utf8')).toBe('d\n');
  await rm(join(made.directory, 'huge/d.txt'));
  expect(await changes()).toEqual(['deleted huge/d.txt']);
});
