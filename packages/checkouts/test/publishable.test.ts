import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Mirror } from '../src/mirror.ts';
import { git, newSetting, type Setting, write } from './setting.ts';

let setting: Setting;
let mirror: Mirror;
let base: string;
let count = 0;
beforeAll(async () => {
  setting = await newSetting();
  mirror = await setting.checkouts.mirror({ id: 'repo', remoteUrl: setting.upstream });
  await mirror.fetch();
  base = (await mirror.resolve('main')) ?? '';
});
afterAll(() => setting.end());

async function told(
  work: (tree: string) => Promise<unknown>,
  copied: readonly string[] = [],
  source?: string,
): Promise<string | undefined> {
  const name = `work-${++count}`;
  const checkout = await setting.checkouts.create({ mirror, name, sha: base, branch: 'cyrus/x' });
  await work(checkout.directory);
  const { sha: head } = await setting.checkouts.collect({ mirror, checkout, attempt: name });
  return (await setting.checkouts.unpublishable({ mirror, head, maxFileBytes: 100_000, copied, source }))?.message;
}
const commit = async (tree: string, message = 'work'): Promise<void> => {
  await git(tree, 'add', '-A', '-f');
  await git(tree, 'commit', '-q', '-m', message);
};

test('ordinary work may go out', async () => {
  expect(
    await told((tree) => write(tree, { HEAD: 'x', 'docs/HEAD': 'x', 'docs/config': 'y', 'big.txt': 'x'.repeat(99_000) })),
  ).toBeUndefined();
  expect(await told(async () => undefined)).toBeUndefined();
});

test('a renamed .git is no files', async () => {
  expect(await told((tree) => rename(join(tree, '.git'), join(tree, 'old git')))).toMatch(
    /inside of a git repository as files \(old git\/.*not published.*get its name back/,
  );
});

test('a repository inside the repository is refused, a declared submodule is not', async () => {
  const nest = async (tree: string): Promise<void> => {
    await mkdir(join(tree, 'vendor/lib'), { recursive: true });
    await git(join(tree, 'vendor/lib'), 'init', '-q');
    await write(join(tree, 'vendor/lib'), { 'a.txt': 'a' });
    await commit(join(tree, 'vendor/lib'));
  };
  expect(await told(nest)).toMatch(/a repository inside the repository \(vendor\/lib\).*Delete its \.git to keep its files/);
  const declared = async (tree: string): Promise<void> => {
    await nest(tree);
    await write(tree, { '.gitmodules': '[submodule "lib"]\n\tpath = vendor/lib\n\turl = https://host.test/lib\n' });
  };
  expect(await told(declared)).toBeUndefined();
});

test('a file that is too large is named with its size, though a later commit deletes it', async () => {
  const message = await told(async (tree) => {
    await writeFile(join(tree, 'dump é.bin'), Buffer.alloc(200_000, 'x'));
    await commit(tree);
    await rm(join(tree, 'dump é.bin'));
    await commit(tree, 'gone');
  });
  expect(message).toMatch(/larger than 0\.09\d* MB \(dump é\.bin, 0\.2 MB\).*limits\.maxFileMb/);
});

test('a copied file is refused in whichever commit it is', async () => {
  const message = await told(
    async (tree) => {
      await write(tree, { '.env': 'SECRET=1' });
      await commit(tree);
      await rm(join(tree, '.env'));
      await commit(tree, 'gone');
    },
    ['.env'],
  );
  expect(message).toMatch(/committed \.env, copied from the user's own checkout.*Take it out of the commits themselves/);
});

test('a copied file is refused under another name, or another spelling of its own; what has nothing of it is not', async () => {
  const source = join(setting.base, 'own');
  await mkdir(source);
  await write(source, { '.env': 'SECRET=a-long-secret\n', empty: '' });
  const copied = ['.env', 'empty', 'gone'];
  const as = (path: string, text: string): Promise<string | undefined> => told((tree) => write(tree, { [path]: text }), copied, source);
  expect(await as('docs/settings.txt', 'SECRET=a-long-secret\n')).toMatch(/committed \.env \(as docs\/settings\.txt\), copied from/);
  expect(await as('.ENV', 'other')).toMatch(/committed \.env, copied from/);
  expect(await as('docs/empty.txt', '')).toBeUndefined();
  expect(await as('docs/settings.txt', 'SECRET=\n')).toBeUndefined();
});

test('what the work began at goes out with it, and is looked at as well, until the remote has it', async () => {
  const first = await setting.checkouts.create({ mirror, name: 'first', sha: base, branch: 'cyrus/x' });
  await write(first.directory, { '.env': 'SECRET=1', 'vendor/lib/a.txt': 'a' });
  await git(join(first.directory, 'vendor/lib'), 'init', '-q');
  await commit(join(first.directory, 'vendor/lib'));
  await commit(first.directory);
  const { sha: start } = await setting.checkouts.collect({ mirror, checkout: first, attempt: 'first' });
  const second = await setting.checkouts.create({ mirror, name: 'second', sha: start, branch: 'cyrus/x' });
  await write(second.directory, { 'more.txt': 'more' });
  const { sha: head } = await setting.checkouts.collect({ mirror, checkout: second, attempt: 'second' });
  const of = async (sha: string, copied: readonly string[]): Promise<string | undefined> =>
    (await setting.checkouts.unpublishable({ mirror, head: sha, maxFileBytes: 100_000, copied }))?.message;
  for (const sha of [start, head]) expect(await of(sha, ['.env'])).toMatch(/committed \.env,.*those that were there when you began/);
  expect(await of(head, [])).toMatch(/a repository inside the repository \(vendor\/lib\)/);
  await git(mirror.directory, 'push', '-q', setting.upstream, `${start}:refs/heads/theirs`);
  await mirror.fetch();
  expect(await of(head, ['.env'])).toBeUndefined();
});

test('what was merged from the remote is not held against the work', async () => {
  await git(setting.work, 'checkout', '-q', '-b', 'side');
  await writeFile(join(setting.work, 'large.bin'), Buffer.alloc(300_000, 'y'));
  await setting.commit({});
  await git(setting.work, 'push', '-q', 'origin', 'side');
  await git(setting.work, 'checkout', '-q', 'main');
  await mirror.fetch();
  const side = await mirror.resolve('side');
  expect(await told((tree) => git(tree, 'merge', '-q', '--no-ff', '-m', 'Merge side', side ?? ''))).toBeUndefined();
});
