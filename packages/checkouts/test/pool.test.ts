import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstat, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from 'cyrus-core/clock';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Checkout } from '../src/checkout.ts';
import { createCheckouts } from '../src/checkouts.ts';
import type { Mirror } from '../src/mirror.ts';
import { git, identity, newSetting, type Setting, sandbox, write } from './setting.ts';

let setting: Setting;
let mirror: Mirror;
beforeEach(async () => {
  setting = await newSetting({ 'README.md': 'hello\n', 'src/a.txt': 'one\n', 'docs/b/c.txt': 'c\n', 'docs/d.txt': 'd\n' });
  mirror = await setting.checkouts.mirror({ id: 'repo', remoteUrl: setting.upstream });
  await mirror.fetch();
});
afterEach(() => setting.end());

const main = async (): Promise<string> => (await mirror.resolve('main')) ?? '';
const create = async (name: string, sha?: string): Promise<Checkout> =>
  setting.checkouts.create({ mirror, name, sha: sha ?? (await main()), branch: `cyrus/${name}` });
const waiting = async (): Promise<string[]> => (await setting.checkouts.pool.list()).map(({ name }) => name);
/** Made anew and taken are told apart by the files: a taken one keeps those it waited with. */
const inode = async (directory: string, file = 'src/a.txt'): Promise<number> => (await lstat(join(directory, file))).ino;

test('a task gets one that waits, at its commit and on its own branch; the next one is made', async () => {
  const { directory } = await setting.checkouts.pool.add({ mirror, sha: await main() });
  const before = await inode(directory);
  const made = await create('task-1');
  expect(await inode(made.directory)).toBe(before);
  expect(made).toMatchObject({ name: 'task-1', baseSha: await main(), branch: 'cyrus/task-1', purpose: 'work' });
  expect(await git(made.directory, 'status', '--porcelain', '--branch')).toBe('## cyrus/task-1');
  expect(await git(made.directory, 'for-each-ref', '--format=%(refname)')).toBe('refs/heads/cyrus/task-1');
  expect(await git(made.directory, 'config', 'user.email')).toBe(identity.email);
  expect(await waiting()).toEqual([]);
  expect((await create('task-2')).directory).not.toBe(made.directory);
  await write(made.directory, { 'new.txt': 'work' });
  expect(await setting.checkouts.collect({ mirror, checkout: made, attempt: 'a' })).toMatchObject({ changed: true });
});

test('one whose base moved gets the difference, and nothing else is written again', async () => {
  const { directory } = await setting.checkouts.pool.add({ mirror, sha: await main() });
  const before = await inode(directory);
  await git(setting.work, 'rm', '-q', 'docs/d.txt');
  const sha = await setting.commit({ 'docs/b/c.txt': 'changed\n', 'new/e.txt': 'e\n' });
  await mirror.fetch();
  const made = await create('task-1', sha);
  expect(await inode(made.directory)).toBe(before);
  expect(await git(made.directory, 'status', '--porcelain', '--branch')).toBe('## cyrus/task-1');
  expect(await git(made.directory, 'rev-parse', 'HEAD')).toBe(sha);
  expect(await readFile(join(made.directory, 'docs/b/c.txt'), 'utf8')).toBe('changed\n');
  await expect(lstat(join(made.directory, 'docs/d.txt'))).rejects.toThrow();
});

test('one that waits is brought forward', async () => {
  const first = await setting.checkouts.pool.add({ mirror, sha: await main() });
  const sha = await setting.commit({ 'src/a.txt': 'two\n' });
  await mirror.fetch();
  expect(await setting.checkouts.pool.forward(first, { mirror, sha })).toMatchObject({ name: first.name, baseSha: sha });
  expect(await readFile(join(first.directory, 'src/a.txt'), 'utf8')).toBe('two\n');
  expect(await git(first.directory, 'status', '--porcelain')).toBe('');
  await create('task-1');
  expect(await setting.checkouts.pool.forward(first, { mirror, sha })).toBeUndefined();
});

test('many at once: each waiting one goes to one task', async () => {
  for (let n = 0; n < 3; n++) await setting.checkouts.pool.add({ mirror, sha: await main() });
  const made = await Promise.all(Array.from({ length: 8 }, (_, n) => create(`task-${n}`)));
  expect(new Set(await Promise.all(made.map(({ directory }) => inode(directory)))).size).toBe(8);
  for (const { directory, name } of made) expect(await git(directory, 'status', '--porcelain', '--branch')).toBe(`## cyrus/${name}`);
  expect(await waiting()).toEqual([]);
});

test('one that is broken is not given out', async () => {
  const { directory } = await setting.checkouts.pool.add({ mirror, sha: await main() });
  await rm(join(directory, '.git/HEAD'));
  const made = await create('task-1');
  expect(await git(made.directory, 'status', '--porcelain', '--branch')).toBe('## cyrus/task-1');
  expect(await waiting()).toEqual([]);
});

test('what a killed service left half made, moved or half given away is removed at the next start, what is whole stays', async () => {
  const whole = await setting.checkouts.pool.add({ mirror, sha: await main() });
  const place = join(setting.root, 'checkouts');
  for (const half of ['.pool/.new-repo-2/repo', '.pool/.new-repo-3', '.pool/.trash-repo-4/repo', '.new-task-9/repo']) {
    await mkdir(join(place, half), { recursive: true });
    await writeFile(join(place, half, 'x'), 'x');
  }
  const restarted = createCheckouts({ root: setting.root, sandbox, clock: systemClock, gitIdentity: identity });
  expect((await restarted.pool.list()).map(({ name }) => name)).toEqual([whole.name]);
  expect((await readdir(place)).sort()).toEqual(['.pool']);
  expect(await readdir(join(place, '.pool'))).toEqual([whole.name]);
  const again = await restarted.mirror({ id: 'repo', remoteUrl: setting.upstream });
  const made = await restarted.create({ mirror: again, name: 'task-1', sha: await main(), branch: 'cyrus/task-1' });
  expect(await git(made.directory, 'status', '--porcelain', '--branch')).toBe('## cyrus/task-1');
});

test('a repository gets none of another, and none limited to other directories', async () => {
  const other = await setting.checkouts.mirror({ id: 'other', remoteUrl: setting.upstream });
  await other.fetch();
  await setting.checkouts.pool.add({ mirror: other, sha: await main() });
  await setting.checkouts.pool.add({ mirror, sha: await main(), sparse: ['src'] });
  const made = await create('task-1');
  expect(await readdir(made.directory)).toEqual(expect.arrayContaining(['docs', 'src']));
  expect(await waiting()).toEqual(expect.arrayContaining(['other-1', 'repo-1']));
  expect((await setting.checkouts.pool.outdated(mirror)).map(({ name }) => name)).toEqual(['repo-1']);
  const sparse = await setting.checkouts.create({ mirror, name: 'task-2', sha: await main(), branch: 'cyrus/x', sparse: ['src'] });
  expect((await readdir(sparse.directory)).sort()).toEqual(['.git', 'README.md', 'src']);
  expect(await waiting()).toEqual(['other-1']);
});

test('kill -9 at any moment: whatever is there afterwards is whole', async () => {
  await setting.commit(Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`many/${n}.txt`, `${n}\n`])));
  await git(setting.work, 'checkout', '-q', '-b', 'other');
  await setting.commit(Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`many/${n}.txt`, `other ${n}\n`])));
  const program = new URL('./pooling-service.ts', import.meta.url).pathname;
  for (const afterMs of [0, 7, 23, 41, 77, 120, 190, 260]) {
    const service = spawn(process.execPath, ['--conditions=cyrus-source', program, setting.root, setting.upstream]);
    const ended = once(service, 'exit');
    await once(service.stdout, 'data');
    await systemClock.sleep(afterMs);
    service.kill('SIGKILL');
    expect((await ended)[1]).toBe('SIGKILL');
    const restarted = createCheckouts({ root: setting.root, sandbox, clock: systemClock, gitIdentity: identity });
    for (const checkout of [...(await restarted.pool.list()), ...(await restarted.list())]) {
      expect(await git(checkout.directory, 'status', '--porcelain')).toBe('');
      expect(await git(checkout.directory, 'rev-parse', 'HEAD')).toBe(checkout.baseSha);
    }
    const place = join(setting.root, 'checkouts');
    const halves = (await Promise.all([place, join(place, '.pool')].map((each) => readdir(each).catch(() => []))))
      .flat()
      .filter((name) => /^\.(?:new|trash)/.test(name));
    expect(halves).toEqual([]);
  }
});
