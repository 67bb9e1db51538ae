import { mkdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Checkout } from '../src/checkout.ts';
import { copiedFiles, type Included } from '../src/include.ts';
import type { Mirror } from '../src/mirror.ts';
import { git, newSetting, type Setting, write } from './setting.ts';

let setting: Setting;
let mirror: Mirror;
let base: string;
let checkout: Checkout;
const files = {
  '.gitignore': '.env*\nsecrets/\nlocal/\n*.pipe\n',
  '.worktreeinclude': '.env\n.env.local\nsecrets/\nlocal/**\n*.pipe\nnotes.txt\n',
  'README.md': 'hello\n',
};
beforeEach(async () => {
  setting = await newSetting(files);
  mirror = await setting.checkouts.mirror({ id: 'repo', repositoryPath: setting.work });
  await mirror.fetch();
  base = (await mirror.resolve('main')) ?? '';
  checkout = await setting.checkouts.create({ mirror, name: 'task', sha: base, branch: 'cyrus/x' });
});
afterEach(() => setting.end());
const include = (): Promise<Included> => setting.checkouts.include({ mirror, baseSha: base, source: setting.work, checkout });
const inCheckout = (path: string): Promise<string> => readFile(join(checkout.directory, path), 'utf8');

describe('.worktreeinclude', () => {
  test('copies what it names and git ignores, and nothing else', async () => {
    await write(setting.work, {
      '.env': 'A=1\n',
      'secrets/deep/é key.pem': 'key',
      'notes.txt': 'not ignored',
      '.env.other': 'not named',
    });
    expect(await include()).toEqual({ files: ['.env', 'secrets/deep/é key.pem'], skipped: [] });
    expect(await inCheckout('.env')).toBe('A=1\n');
    expect(await inCheckout('secrets/deep/é key.pem')).toBe('key');
    await expect(inCheckout('notes.txt')).rejects.toThrow('ENOENT');
    await expect(inCheckout('.env.other')).rejects.toThrow('ENOENT');
    expect(await git(setting.work, 'status', '--porcelain')).toBe('?? notes.txt');
  });

  test('follows no link: not a file, not a directory above one', async () => {
    const outside = join(setting.base, 'outside');
    await write(outside, { 'password.txt': 'hunter2' });
    await symlink(join(outside, 'password.txt'), join(setting.work, '.env'));
    await symlink(outside, join(setting.work, 'local'));
    await mkdir(join(setting.work, 'secrets'));
    await symlink(outside, join(setting.work, 'secrets/inner'));
    const socket = createServer().listen(join(setting.work, 'a.pipe'));
    const { files: copied, skipped } = await include().finally(() => socket.close());
    expect(copied).toEqual([]);
    expect(skipped).toContainEqual({ path: '.env', reason: 'it is a link; links are not followed' });
    for (const path of ['.env', 'local/password.txt', 'secrets/inner/password.txt', 'a.pipe'])
      await expect(stat(join(checkout.directory, path))).rejects.toThrow('ENOENT');
  });

  test('a link the work put into the checkout is not written through', async () => {
    const outside = join(setting.base, 'outside');
    await mkdir(outside);
    await write(setting.work, { 'secrets/key': 'key' });
    await symlink(outside, join(checkout.directory, 'secrets'));
    expect((await include()).skipped).toEqual([{ path: 'secrets/key', reason: 'the repository has something else in its place' }]);
    await expect(stat(join(outside, 'key'))).rejects.toThrow('ENOENT');
  });

  test('the work says nothing of what is copied: the base commit does', async () => {
    await write(setting.work, { '.env': 'A=1\n', 'secrets/key': 'key' });
    await writeFile(join(checkout.directory, '.worktreeinclude'), 'secrets/\n');
    await rm(join(setting.work, '.worktreeinclude'));
    expect((await include()).files).toEqual(['.env', 'secrets/key']);
  });

  test('a file that is too large is left out with the reason', async () => {
    await writeFile(join(setting.work, '.env'), Buffer.alloc(17 * 1024 * 1024));
    expect((await include()).skipped).toEqual([{ path: '.env', reason: 'it is too large (17825792 bytes)' }]);
  });

  test('copied once more after a crash it is the same', async () => {
    await write(setting.work, { '.env': 'A=1\n' });
    await include();
    expect(await include()).toEqual({ files: ['.env'], skipped: [] });
  });

  describe('what an agent committed of it', () => {
    const committed = async (paths: Readonly<Record<string, string>>): Promise<Checkout> => {
      await write(checkout.directory, paths);
      await git(checkout.directory, 'add', '-f', ...Object.keys(paths));
      await git(checkout.directory, 'commit', '-q', '-m', 'everything');
      const { sha } = await setting.checkouts.collect({ mirror, checkout, attempt: 'a1' });
      return setting.checkouts.create({ mirror, name: 'next', sha, branch: 'cyrus/x' });
    };
    const others = { 'notes.txt': 'not ignored', '.env.other': 'not named', 'src/a.txt': 'work' };

    test.each([
      ['that the user still has', 'A=2\n'],
      ['that the user has no longer', undefined],
    ])('is known as theirs in the next checkout, and stays as it is: a file %s', async (_name, now) => {
      const next = await committed({ '.env': 'A=1\n', ...others });
      if (now !== undefined) await write(setting.work, { '.env': now, 'secrets/key': 'key' });
      const request = { mirror, baseSha: base, source: setting.work };
      const files = now === undefined ? ['.env'] : ['.env', 'secrets/key'];
      expect(await setting.checkouts.include({ ...request, checkout: next })).toEqual({ files, skipped: [] });
      expect([...(await copiedFiles(next))].sort()).toEqual(files);
      expect(await readFile(join(next.directory, '.env'), 'utf8')).toBe('A=1\n');
      expect(await setting.checkouts.includedInCommits({ ...request, head: next.baseSha })).toEqual(['.env']);
    });

    test('is given to it all the same, where a later commit took it away', async () => {
      await write(checkout.directory, { '.env': 'A=1\n' });
      await git(checkout.directory, 'add', '-f', '.env');
      await git(checkout.directory, 'commit', '-q', '-m', 'everything');
      await rm(join(checkout.directory, '.env'));
      const next = await committed(others);
      await write(setting.work, { '.env': 'A=2\n' });
      const included = await setting.checkouts.include({ mirror, baseSha: base, source: setting.work, checkout: next });
      expect(included).toEqual({ files: ['.env'], skipped: [] });
      expect(await readFile(join(next.directory, '.env'), 'utf8')).toBe('A=2\n');
    });

    test('is all that is named, where nobody can say what is ignored', async () => {
      const next = await committed({ '.env': 'A=1\n', ...others });
      const source = join(setting.base, 'gone');
      expect(await setting.checkouts.includedInCommits({ mirror, baseSha: base, head: next.baseSha, source })).toEqual([
        '.env',
        'notes.txt',
      ]);
      const { files } = await setting.checkouts.include({ mirror, baseSha: base, source, checkout: next });
      expect(files).toEqual(['.env', 'notes.txt']);
    });

    test('is not what the remote has', async () => {
      await write(setting.work, { '.env': 'A=0\n' });
      await git(setting.work, 'add', '-f', '.env');
      base = await setting.commit({});
      await git(setting.work, 'rm', '-q', '--cached', '.env');
      await mirror.fetch();
      await setting.checkouts.remove({ mirror, checkout });
      checkout = await setting.checkouts.create({ mirror, name: 'task', sha: base, branch: 'cyrus/x' });
      const next = await committed({ '.env': 'A=1\n' });
      const included = await setting.checkouts.include({ mirror, baseSha: base, source: setting.work, checkout: next });
      expect(included).toEqual({ files: [], skipped: [{ path: '.env', reason: 'the repository has it' }] });
    });
  });

  test('what was copied is no work, even staged and with the ignore files gone', async () => {
    await write(setting.work, { '.env': 'A=1\n', 'secrets/k [1]#.pem': 'key' });
    await include();
    await rm(join(checkout.directory, '.gitignore'));
    await git(checkout.directory, 'add', '-f', '.env');
    await writeFile(join(checkout.directory, 'new.txt'), 'new');
    const { sha } = await setting.checkouts.collect({ mirror, checkout, attempt: 'a1' });
    expect((await git(mirror.directory, 'ls-tree', '-r', '--name-only', sha)).split('\n')).toEqual([
      '.worktreeinclude',
      'README.md',
      'new.txt',
    ]);
  });
});
