import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Checkout } from '../src/checkout.ts';
import type { Mirror } from '../src/mirror.ts';
import { startHttpGit } from './http-git.ts';
import { git, newSetting, type Setting, write } from './setting.ts';

let setting: Setting;
let mirror: Mirror;
let pointers: readonly string[] = [];
beforeEach(async () => {
  setting = await newSetting();
});
afterEach(() => setting.end());

/** A bare repository beside the first one with one commit; its head. */
async function repository(
  name: string,
  files: Record<string, string>,
  more: (work: string) => Promise<unknown> = async () => undefined,
): Promise<string> {
  const [bare, work] = [join(setting.base, `${name}.git`), join(setting.base, `${name}-work`)];
  await git(setting.base, 'init', '-q', '--bare', '--initial-branch=main', bare);
  await git(setting.base, 'init', '-q', '--initial-branch=main', work);
  await write(work, files);
  await git(work, 'add', '-A');
  await more(work);
  await git(work, 'commit', '-q', '-m', name);
  await git(work, 'push', '-q', bare, 'main');
  return git(work, 'rev-parse', 'HEAD');
}
const link = (work: string, path: string, sha: string): Promise<string> =>
  git(work, 'update-index', '--add', '--cacheinfo', `160000,${sha},${path}`);
const entry = (name: string, url: string, path = name): string => `[submodule "${name}"]\n\tpath = ${path}\n\turl = ${url}\n`;

/** Commits a `.gitmodules` and its entries to the first repository. */
async function withSubmodules(modules: string, links: Record<string, string>): Promise<string> {
  await write(setting.work, { '.gitmodules': modules });
  await git(setting.work, 'add', '.gitmodules');
  for (const [path, sha] of Object.entries(links)) await link(setting.work, path, sha);
  await git(setting.work, 'commit', '-q', '-m', 'submodules');
  await git(setting.work, 'push', '-q', 'origin', 'HEAD');
  return git(setting.work, 'rev-parse', 'HEAD');
}
async function checkOut(remoteUrl = setting.upstream, token?: string, baseSha?: string): Promise<Checkout> {
  mirror = await setting.checkouts.mirror({ id: 'repo', remoteUrl, ...(token ? { token } : {}) });
  await mirror.fetch();
  const sha = (await mirror.resolve('main')) ?? '';
  const checkout = await setting.checkouts.create({ mirror, name: 'task', sha, branch: 'cyrus/x' });
  const added = await setting.checkouts.addSubmodules({ mirror, checkout, baseSha: baseSha ?? sha });
  pointers = added.withPointers;
  return added.checkout;
}

describe('submodules', () => {
  test('are checked out with their own below them, by relative addresses too, at the commit that is named', async () => {
    const leaf = await repository('leaf', { 'leaf.txt': 'leaf\n' });
    const lib = await repository('lib é', { 'lib.txt': 'lib\n', '.gitmodules': entry('leaf', '../leaf.git', 'inner/leaf') }, (work) =>
      link(work, 'inner/leaf', leaf),
    );
    await withSubmodules(entry('lib', '../lib é.git', 'libs/my lib'), { 'libs/my lib': lib });
    const checkout = await checkOut();
    const inside = join(checkout.directory, 'libs/my lib');
    expect(await readFile(join(inside, 'lib.txt'), 'utf8')).toBe('lib\n');
    expect(await readFile(join(inside, 'inner/leaf/leaf.txt'), 'utf8')).toBe('leaf\n');
    expect(await git(checkout.directory, 'status', '--porcelain')).toBe('');
    expect(await git(checkout.directory, 'submodule', 'status', '--recursive')).toMatch(new RegExp(`^ ?${lib} libs/my lib`));
    expect(checkout.readable).toHaveLength(3);
    expect(await setting.checkouts.find('task')).toEqual(checkout);
    const { changed } = await setting.checkouts.collect({ mirror, checkout, attempt: 'a' });
    expect(changed).toBe(false);
  });

  test('large files in one are pointers, and that is told', async () => {
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'a'.repeat(64)}\nsize 9\n`;
    const lib = await repository('lib', { '.gitattributes': '*.bin filter=lfs\n', 'a.bin': pointer });
    await withSubmodules(entry('lib', '../lib.git', 'libs/lib'), { 'libs/lib': lib });
    await checkOut();
    expect(pointers).toEqual(['libs/lib']);
  });

  test('a changed one is told, with both commits', async () => {
    const lib = await repository('lib', { 'lib.txt': 'lib\n' });
    const base = await withSubmodules(entry('lib', '../lib.git'), { lib });
    const checkout = await checkOut();
    await write(join(checkout.directory, 'lib'), { 'lib.txt': 'changed\n' });
    await git(join(checkout.directory, 'lib'), 'commit', '-q', '-a', '-m', 'inside');
    const inside = await git(join(checkout.directory, 'lib'), 'rev-parse', 'HEAD');
    const { sha } = await setting.checkouts.collect({ mirror, checkout, attempt: 'a' });
    const evidence = await setting.checkouts.evidence({ mirror, base, head: sha });
    expect(evidence.submodules).toEqual([{ path: 'lib', from: lib, to: inside }]);
    expect(await setting.checkouts.unpublishable({ mirror, head: sha, maxFileBytes: 1e6, copied: [] })).toBeUndefined();
    const unpushed = (): Promise<unknown> => setting.checkouts.unpushedSubmodules({ mirror, baseSha: base, moved: evidence.submodules });
    expect(await unpushed()).toEqual([{ path: 'lib', from: lib, to: inside }]);
    await git(join(checkout.directory, 'lib'), 'push', '-q', join(setting.base, 'lib.git'), 'HEAD:refs/heads/side');
    expect(await unpushed()).toEqual([]);
  });

  test('one whose repository cannot be reached is not said to be without its commit', async () => {
    const base = await withSubmodules(entry('lib', '../gone.git'), {});
    await checkOut();
    const moved = [{ path: 'lib', from: null, to: 'a'.repeat(40) }];
    expect(await setting.checkouts.unpushedSubmodules({ mirror, baseSha: base, moved })).toEqual([]);
  });

  test('addresses come from the base commit, not from the work', async () => {
    const lib = await repository('lib', { 'lib.txt': 'lib\n' });
    const base = await withSubmodules(entry('lib', '../lib.git'), { lib });
    await withSubmodules(entry('lib', 'https://evil.test/lib'), {});
    const checkout = await checkOut(setting.upstream, undefined, base);
    expect(await readFile(join(checkout.directory, 'lib/lib.txt'), 'utf8')).toBe('lib\n');
  });

  test.each([
    ['a program', 'ext::sh -c "touch /tmp/pwned"', /no address of a repository/],
    ['a directory that is not there', '../gone.git', /The submodule lib cannot be had/],
    ['an option', '--upload-pack=touch', /no address of a repository/],
  ])('%s is refused by name, and what to do is said', async (_what, url, message) => {
    await withSubmodules(entry('lib', url.replace(/"/g, '\\"')), { lib: 'a'.repeat(40) });
    const failure = await checkOut().catch((error) => error.failure);
    expect(failure.message).toMatch(message);
    expect(failure.message).toContain('The submodule lib');
    expect(failure.fix).toContain('repositories[].submodules to false');
  });

  test('a commit that nobody pushed is told', async () => {
    await repository('lib', { 'lib.txt': 'lib\n' });
    await withSubmodules(entry('lib', '../lib.git'), { lib: 'a'.repeat(40) });
    await expect(checkOut()).rejects.toMatchObject({ failure: { message: expect.stringContaining('commit aaaaaaaaaa is not in') } });
  });

  test('the token is for the host of the repository alone, and no remote names a place on this machine', async () => {
    const lib = await repository('lib', { 'lib.txt': 'lib\n' });
    const host = await startHttpGit(setting.base);
    const other = await startHttpGit(setting.base);
    try {
      await withSubmodules(entry('lib', '../lib.git'), { lib });
      const checkout = await checkOut(`${host.url}/up.git`, host.password);
      expect(await readFile(join(checkout.directory, 'lib/lib.txt'), 'utf8')).toBe('lib\n');
      await setting.checkouts.remove({ mirror, checkout });
      await withSubmodules(entry('lib', `${other.url}/lib.git`), { lib });
      await expect(checkOut(`${host.url}/up.git`, host.password)).rejects.toMatchObject({ failure: { class: 'auth' } });
      expect(other.seen.map(({ password }) => password).filter(Boolean)).toEqual([]);
      await setting.checkouts.remove({ mirror, checkout: (await setting.checkouts.list())[0] ?? checkout });
      await withSubmodules(entry('lib', join(setting.base, 'lib.git')), { lib });
      await expect(checkOut(`${host.url}/up.git`, host.password)).rejects.toThrow('a place on this machine');
    } finally {
      await Promise.all([host.close(), other.close()]);
    }
  });
});
