import { chmod, lstat, readFile, readlink, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Checkout } from '../src/checkout.ts';
import type { Mirror } from '../src/mirror.ts';
import { git, newSetting, type Setting, write } from './setting.ts';

let setting: Setting;
let mirror: Mirror;
let base: string;
afterEach(() => setting.end());

async function open(files?: Readonly<Record<string, string>>): Promise<void> {
  setting = await newSetting(files);
  mirror = await setting.checkouts.mirror({ id: 'repo', remoteUrl: setting.upstream });
  await mirror.fetch();
  base = (await mirror.resolve('main')) ?? '';
}
const checkOut = (): Promise<Checkout> => setting.checkouts.create({ mirror, name: 'task', sha: base, branch: 'cyrus/x' });

/** The whole way of the work in a checkout; what it is on the remote in the end. */
async function published(checkout: Checkout, branch = 'cyrus/x') {
  const { sha, changed } = await setting.checkouts.collect({ mirror, checkout, attempt: 'a' });
  const evidence = await setting.checkouts.evidence({ mirror, base, head: sha });
  const refusal = await setting.checkouts.unpublishable({ mirror, head: sha, maxFileBytes: 1e6, copied: [] });
  await setting.checkouts.push({ mirror, sha, branch, lease: null, remoteUrl: setting.upstream });
  const tree = (await git(setting.upstream, 'ls-tree', '-r', '-z', branch)).split('\0').filter(Boolean);
  return { sha, changed, evidence, refusal, tree };
}

describe('names', () => {
  beforeEach(() => open());

  test('of 300 characters, like options, and with a line end or a tab', async () => {
    const deep = `${Array.from({ length: 6 }, (_, depth) => `${'d'.repeat(49)}${depth}`).join('/')}/file.txt`;
    const names = [deep, '--upload-pack=touch pwned', '-rf', ':(exclude)x', 'a\nb\t"c".txt', 'HEAD', 'refs/heads/main'];
    const checkout = await checkOut();
    await write(checkout.directory, Object.fromEntries(names.map((name) => [name, name])));
    const { evidence, tree, refusal } = await published(checkout);
    expect(refusal).toBeUndefined();
    expect(evidence.files.map(({ path }) => path).sort()).toEqual([...names].sort());
    expect(tree.map((entry) => entry.slice(entry.indexOf('\t') + 1))).toEqual(expect.arrayContaining(names));
    const again = await setting.checkouts.create({ mirror, name: 'again', sha: evidence.head, branch: 'cyrus/x' });
    for (const name of names) expect(await readFile(join(again.directory, name), 'utf8')).toBe(name);
  });

  // Elsewhere a file system takes no such name.
  test.skipIf(process.platform !== 'linux')('that are no UTF-8 go out byte for byte', async () => {
    const checkout = await checkOut();
    const name = Buffer.concat([Buffer.from(`${checkout.directory}/`), Buffer.from([0x66, 0xe9, 0xff]), Buffer.from('.txt')]);
    await writeFile(name, 'latin');
    const { sha, evidence, refusal } = await published(checkout);
    expect(refusal).toBeUndefined();
    expect(evidence.totals.files).toBe(1);
    expect(await git(setting.upstream, 'ls-tree', '--name-only', sha)).toContain('"f\\351\\377.txt"');
  });
});

describe('files', () => {
  test('with line ends that .gitattributes sets look unchanged, and stay as they are', async () => {
    await open({ '.gitattributes': '*.txt text=auto\n*.bat text eol=crlf\n*.raw -text\n', 'a.txt': 'a\n', 'run.bat': 'one\ntwo\n' });
    const checkout = await checkOut();
    expect(await readFile(join(checkout.directory, 'run.bat'), 'utf8')).toBe('one\r\ntwo\r\n');
    expect((await setting.checkouts.collect({ mirror, checkout, attempt: 'before' })).changed).toBe(false);
    await write(checkout.directory, { 'new.bat': 'x\r\n', 'new.raw': 'x\r\n' });
    const { sha, evidence } = await published(checkout);
    expect(evidence.files.map(({ path }) => path)).toEqual(['new.bat', 'new.raw']);
    expect(await git(mirror.directory, 'cat-file', '-s', `${sha}:new.bat`)).toBe('2');
    expect(await git(mirror.directory, 'cat-file', '-s', `${sha}:new.raw`)).toBe('3');
  });

  test('a link that leads out of the tree is a link, and nothing of where it leads', async () => {
    await open();
    await symlink('/etc/passwd', join(setting.work, 'there'));
    base = await setting.commit({});
    await mirror.fetch();
    const checkout = await checkOut();
    expect(await readlink(join(checkout.directory, 'there'))).toBe('/etc/passwd');
    await symlink(`${setting.base}/`, join(checkout.directory, 'out'));
    const { sha, tree } = await published(checkout);
    expect(tree.filter((entry) => /\t(?:out|there)$/.test(entry))).toEqual([
      expect.stringMatching(/^120000 blob/),
      expect.stringMatching(/^120000 blob/),
    ]);
    expect(await git(mirror.directory, 'cat-file', 'blob', `${sha}:out`)).toBe(`${setting.base}/`);
  });

  test('the executable bit alone is work', async () => {
    await open();
    const checkout = await checkOut();
    await chmod(join(checkout.directory, 'README.md'), 0o755);
    const { changed, evidence, sha } = await published(checkout);
    expect([changed, evidence.files]).toEqual([true, [{ path: 'README.md', status: 'modified', insertions: 0, deletions: 0 }]]);
    const again = await setting.checkouts.create({ mirror, name: 'again', sha, branch: 'cyrus/x' });
    expect((await lstat(join(again.directory, 'README.md'))).mode & 0o100).toBe(0o100);
  });
});

test('an empty commit is a commit without files', async () => {
  await open();
  const checkout = await checkOut();
  await git(checkout.directory, 'commit', '-q', '--allow-empty', '-m', 'nothing');
  const { changed, evidence, refusal } = await published(checkout);
  expect(refusal).toBeUndefined();
  expect([changed, evidence.commitCount, evidence.totals.files]).toEqual([true, 1, 0]);
});

describe('branches', () => {
  beforeEach(() => open());

  test.each([
    ['above ours', 'cyrus'],
    ['below ours', 'cyrus/x/theirs'],
  ])('one %s is in the way of a push, and is named', async (_, theirs) => {
    await git(setting.work, 'push', '-q', 'origin', `main:refs/heads/${theirs}`);
    await mirror.fetch();
    const checkout = await checkOut();
    await writeFile(join(checkout.directory, 'new.txt'), 'new');
    await expect(published(checkout)).rejects.toMatchObject({
      failure: {
        class: 'invalid_request',
        message: expect.stringContaining(`refs/heads/${theirs}`),
        fix: expect.stringContaining('Rename'),
      },
    });
  });

  test('one of the remote that makes way for others below its name is followed, and back again', async () => {
    const push = (...refs: string[]): Promise<string> => git(setting.work, 'push', '-q', 'origin', ...refs);
    await push('main:refs/heads/topic');
    await mirror.fetch();
    await push(':refs/heads/topic');
    await push('main:refs/heads/topic/one');
    await mirror.fetch();
    expect([await mirror.resolve('topic'), await mirror.resolve('topic/one')]).toEqual([undefined, base]);
    await push(':refs/heads/topic/one');
    await push('main:refs/heads/topic');
    await mirror.fetch();
    expect([await mirror.resolve('topic'), await mirror.resolve('topic/one')]).toEqual([base, undefined]);
  });
});
