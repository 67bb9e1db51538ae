import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, lstat, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from 'cyrus-core/clock';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createCheckouts } from '../src/checkouts.ts';
import type { Mirror } from '../src/mirror.ts';
import { git, identity, newSetting, type Setting, sandbox, write } from './setting.ts';

let setting: Setting;
beforeEach(async () => {
  setting = await newSetting();
});
afterEach(() => setting.end());

const open = (): Promise<Mirror> => setting.checkouts.mirror({ id: 'repo', remoteUrl: setting.upstream });
/** The same home, opened by a service that has just been started. */
const restarted = () => createCheckouts({ root: setting.root, sandbox, clock: systemClock, gitIdentity: identity });

describe('fetch', () => {
  test('follows the remote: new commits, moved and deleted branches, another default; our own refs stay', async () => {
    const mirror = await open();
    expect(await mirror.fetch()).toEqual({ defaultBranch: 'main' });
    const first = await mirror.resolve('main');
    await git(mirror.directory, 'update-ref', 'refs/cyrus/wip/kept', first ?? '');

    const second = await setting.commit({ 'b.txt': 'b' });
    await git(setting.upstream, 'branch', 'feature/x', second);
    await mirror.fetch();
    expect([await mirror.resolve('main'), await mirror.resolve('feature/x')]).toEqual([second, second]);

    await git(setting.work, 'reset', '-q', '--hard', 'HEAD~1');
    await git(setting.work, 'push', '-q', '--force', 'origin', 'main:main', ':feature/x', 'main:trunk');
    await git(setting.upstream, 'symbolic-ref', 'HEAD', 'refs/heads/trunk');
    expect(await mirror.fetch()).toEqual({ defaultBranch: 'trunk' });
    expect([await mirror.resolve('main'), await mirror.resolve('feature/x')]).toEqual([first, undefined]);
    expect(await mirror.resolve('refs/cyrus/wip/kept')).toBe(first);
    expect(await mirror.resolve(second)).toBe(second);
  });

  test('many at once are one', async () => {
    const mirror = await open();
    const answers = await Promise.all(Array.from({ length: 8 }, () => mirror.fetch()));
    expect(new Set(answers).size).toBe(1);
  });

  test('a repository without commits says so', async () => {
    const empty = join(setting.base, 'empty.git');
    await git(setting.base, 'init', '-q', '--bare', empty);
    const mirror = await setting.checkouts.mirror({ id: 'empty', remoteUrl: empty });
    await expect(mirror.fetch()).rejects.toMatchObject({
      failure: { class: 'invalid_request', message: expect.stringContaining('no commits') },
    });
  });

  test.each([
    '../../x',
    'a..b',
    '--all',
    'main^{tree}',
    'main~1',
    '@',
    'refs/heads/../x',
    ':/fix',
    'a b',
    'x\ny',
    '',
    'HEAD@{1}',
    'x'.repeat(2000),
  ])('the name %j finds nothing', async (name) => {
    const mirror = await open();
    expect(await mirror.resolve(name)).toBeUndefined();
  });
});

describe("the user's own checkout", () => {
  async function snapshot(directory: string): Promise<string[]> {
    const entries = await readdir(directory, { recursive: true, withFileTypes: true });
    const lines = entries.map(async (entry) => {
      const path = join(entry.parentPath, entry.name);
      const { mtimeMs, ino, size } = await lstat(path);
      return entry.isDirectory() ? path : `${path} ${mtimeMs} ${ino} ${size}`;
    });
    return (await Promise.all(lines)).sort();
  }

  test('is read through its origin, and not touched', async () => {
    const before = await snapshot(setting.work);
    const mirror = await setting.checkouts.mirror({ id: 'own', repositoryPath: setting.work });
    expect(mirror.remote.url).toBe(setting.upstream);
    await mirror.fetch();
    expect(await snapshot(setting.work)).toEqual(before);
  });

  test('without an origin it is read itself, and not touched', async () => {
    await git(setting.work, 'remote', 'remove', 'origin');
    await git(setting.work, 'checkout', '-q', '-b', 'mine');
    const before = await snapshot(setting.work);
    const mirror = await setting.checkouts.mirror({ id: 'own', repositoryPath: setting.work });
    expect(mirror.remote).toEqual({ url: setting.work, kind: 'local' });
    expect(await mirror.fetch()).toEqual({ defaultBranch: 'mine' });
    const sha = (await mirror.resolve('mine')) ?? '';
    const made = await setting.checkouts.create({ mirror, name: 'a', sha, branch: 'cyrus/x' });
    await write(made.directory, { 'x.txt': 'x' });
    await setting.checkouts.remove({ mirror, checkout: made });
    expect(await snapshot(setting.work)).toEqual(before);
  });

  test.skipIf(process.getuid?.() !== 0)('of another owner is read by a service run by root', async () => {
    for (const entry of await readdir(setting.upstream, { recursive: true })) await chown(join(setting.upstream, entry), 65534, 65534);
    await chown(setting.upstream, 65534, 65534);
    expect(await (await open()).fetch()).toEqual({ defaultBranch: 'main' });
  });

  test('a path that is not there is said so', async () => {
    await expect(setting.checkouts.mirror({ id: 'x', repositoryPath: '/no/such/path' })).rejects.toMatchObject({
      failure: { class: 'invalid_request', message: expect.stringContaining('/no/such/path') },
    });
  });
});

describe('after a crash', () => {
  /** Work that is nowhere else, in a checkout that lives. */
  async function unpushed(mirror: Mirror): Promise<{ sha: string; directory: string }> {
    const made = await setting.checkouts.create({ mirror, name: 'living', sha: (await mirror.resolve('main')) ?? '', branch: 'cyrus/x' });
    await write(made.directory, { 'work.txt': 'unpushed' });
    const { sha } = await setting.checkouts.collect({ mirror, checkout: made, attempt: 'a-1' });
    return { sha, directory: made.directory };
  }

  test.each<readonly [string, (directory: string) => Promise<void>]>([
    ['HEAD is empty', (directory) => truncate(join(directory, 'HEAD'))],
    ['the configuration is gone', (directory) => rm(join(directory, 'config'))],
    ['the configuration is garbage', (directory) => writeFile(join(directory, 'config'), '[core')],
    ['a ref of the remote leads nowhere', (directory) => writeFile(join(directory, 'refs/remotes/origin/lost'), `${'1'.repeat(40)}\n`)],
    ['a ref of ours leads nowhere', (directory) => writeFile(join(directory, 'refs/cyrus/wip/lost'), `${'1'.repeat(40)}\n`)],
    [
      'the packs of the remote are gone',
      async (directory) => {
        await git(directory, 'repack', '-q', '-a', '-d');
        await rm(join(directory, 'objects/pack'), { recursive: true });
        await mkdir(join(directory, 'objects/pack'));
      },
    ],
  ])('%s: the mirror is rebuilt, unpushed work and living checkouts with it', async (name, breakIt) => {
    const mirror = await open();
    await mirror.fetch();
    const { sha, directory } = await unpushed(mirror);
    await breakIt(mirror.directory);
    const again = await restarted().mirror({ id: 'repo', remoteUrl: setting.upstream });
    expect(await again.fetch()).toEqual({ defaultBranch: 'main' });
    if (!name.startsWith('the packs')) expect(await again.resolve('refs/cyrus/wip/a-1')).toBe(sha);
    expect(await git(directory, 'status', '--porcelain')).toBe('?? work.txt');
    const asideExpected = name.startsWith('the packs') || name.startsWith('a ref of ours') ? 1 : 0;
    expect((await readdir(join(setting.root, 'repos'))).filter((entry) => entry.includes('.old-'))).toHaveLength(asideExpected);
  });

  test('locks and half-written packs of a git that was killed do not stop the next', async () => {
    const mirror = await open();
    await mirror.fetch();
    for (const file of ['packed-refs.lock', 'refs/remotes/origin/main.lock', 'config.lock', 'objects/pack/tmp_pack_x', 'shallow.lock']) {
      await writeFile(join(mirror.directory, file), '');
    }
    const sha = await setting.commit({ 'b.txt': 'b' });
    const again = await restarted().mirror({ id: 'repo', remoteUrl: setting.upstream });
    await again.fetch();
    expect(await again.resolve('main')).toBe(sha);
    expect(await readdir(join(mirror.directory, 'objects/pack'))).not.toContain('tmp_pack_x');
  });

  test.each<readonly [string, (repos: string) => Promise<boolean>]>([
    ['the mirror is being made', (repos) => has(repos, /^repo\.git/)],
    ['the mirror is there and empty', (repos) => has(repos, /^repo\.git$/)],
    ['objects arrive', (repos) => has(join(repos, 'repo.git/objects/pack'), /^tmp_pack/)],
    ['the objects are there', (repos) => has(join(repos, 'repo.git/objects/pack'), /\.pack$/)],
  ])('kill -9 of the service in its first fetch, when %s', async (_, reached) => {
    // Enough objects for git to keep them in a pack, and enough bytes for it to take a moment.
    const small = Object.fromEntries(Array.from({ length: 150 }, (__, index) => [`small/${index}`, `${index}`]));
    await setting.commit({ ...small, 'big.txt': randomBytes(6_000_000).toString('base64') });
    const program = new URL('./fetching-service.ts', import.meta.url).pathname;
    const args = ['--conditions=cyrus-source', program, setting.root, setting.upstream];
    const service = spawn(process.execPath, args, { stdio: 'inherit' });
    const ended = new Promise((resolve) => service.once('exit', (__, signal) => resolve(signal)));
    const repos = join(setting.root, 'repos');
    while (service.exitCode === null && !(await reached(repos))) await systemClock.sleep(1);
    service.kill('SIGKILL');
    expect(await ended).toBe('SIGKILL');

    const mirror = await restarted().mirror({ id: 'repo', remoteUrl: setting.upstream });
    await mirror.fetch();
    expect(await mirror.resolve('main')).toBe(await git(setting.work, 'rev-parse', 'HEAD'));
    expect(await git(mirror.directory, 'fsck', '--no-dangling')).toBe('');
    expect((await readdir(repos)).filter((name) => !name.startsWith('.'))).toEqual(['repo.git']);
    expect(await has(join(repos, 'repo.git/objects/pack'), /^tmp_/)).toBe(false);
  });
});

const has = async (directory: string, name: RegExp): Promise<boolean> =>
  (await readdir(directory).catch(() => [])).some((entry) => name.test(entry));

test('repack keeps what checkouts borrow and what no ref leads to, and waits for them to be gone', async () => {
  const mirror = await open();
  await mirror.fetch();
  const sha = (await mirror.resolve('main')) ?? '';
  const made = await setting.checkouts.create({ mirror, name: 'a', sha, branch: 'cyrus/x' });
  expect(await setting.checkouts.repack(mirror)).toEqual({ kind: 'in_use', checkouts: 1 });
  await write(made.directory, { 'x.txt': 'x' });
  const collected = await setting.checkouts.collect({ mirror, checkout: made, attempt: 'a' });
  await setting.checkouts.remove({ mirror, checkout: made, collected });
  await git(mirror.directory, 'update-ref', '-d', collected.ref);
  await git(mirror.directory, 'update-ref', '-d', 'refs/cyrus/own/a');
  expect(await setting.checkouts.repack(mirror)).toEqual({ kind: 'repacked' });
  expect(await mirror.resolve(collected.sha)).toBe(collected.sha);
});

test('saved work is dropped only once it is on the remote', async () => {
  const mirror = await open();
  await mirror.fetch();
  const made = await setting.checkouts.create({ mirror, name: 'a', sha: (await mirror.resolve('main')) ?? '', branch: 'cyrus/x' });
  await write(made.directory, { 'x.txt': 'x' });
  const collected = await setting.checkouts.collect({ mirror, checkout: made, attempt: 'a' });
  const prune = () => setting.checkouts.prune({ mirror, attempt: 'a', pushed: collected.sha });
  expect(await prune()).toBe(false);
  await setting.checkouts.push({ mirror, sha: collected.sha, branch: 'cyrus/x', lease: null, remoteUrl: setting.upstream });
  expect(await prune()).toBe(false);
  await mirror.fetch();
  expect(await prune()).toBe(true);
  expect(await mirror.resolve(collected.ref)).toBeUndefined();
});

test('16 checkouts at once, with fetches between them', async () => {
  const mirror = await open();
  await mirror.fetch();
  const sha = (await mirror.resolve('main')) ?? '';
  const made = await Promise.all(
    Array.from({ length: 16 }, async (_, index) => {
      if (index % 5 === 0) {
        await setting.commit({ [`f${index}`]: 'x' }).catch(() => undefined);
        await mirror.fetch();
      }
      return setting.checkouts.create({ mirror, name: `a-${index}`, sha, branch: `cyrus/b-${index}` });
    }),
  );
  expect(await setting.checkouts.list()).toHaveLength(16);
  await Promise.all(made.map((checkout, index) => write(checkout.directory, { 'mine.txt': `${index}` })));
  const collected = await Promise.all(made.map((checkout) => setting.checkouts.collect({ mirror, checkout, attempt: checkout.name })));
  expect(new Set(collected.map(({ sha: each }) => each)).size).toBe(16);
  await Promise.all(
    made.map((checkout, index) =>
      setting.checkouts.remove({ mirror, checkout, ...(collected[index] ? { collected: collected[index] } : {}) }),
    ),
  );
  expect(await readdir(join(setting.root, 'checkouts'))).toEqual([]);
});

test('nothing in a checkout is a hard link into the mirror', async () => {
  const mirror = await open();
  await mirror.fetch();
  const made = await setting.checkouts.create({ mirror, name: 'a', sha: (await mirror.resolve('main')) ?? '', branch: 'cyrus/x' });
  const entries = await readdir(made.directory, { recursive: true, withFileTypes: true });
  for (const entry of entries.filter((each) => each.isFile())) expect((await lstat(join(entry.parentPath, entry.name))).nlink).toBe(1);
  expect(await readFile(join(made.directory, '.git/objects/info/alternates'), 'utf8')).toBe(`${mirror.objectsDirectory}\n`);
});
