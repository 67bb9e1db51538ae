import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Checkout } from '../src/checkout.ts';
import { lfsUse } from '../src/lfs.ts';
import { hasGitLfs } from '../src/lfs-objects.ts';
import type { Mirror } from '../src/mirror.ts';
import { type HttpGit, startHttpGit } from './http-git.ts';
import { command, git, newSetting, type Setting } from './setting.ts';

/** Skipped without git-lfs, unless CYRUS_NO_SKIP asks for all of them. */
const withoutLfs = !(await hasGitLfs(process.env['PATH'] ?? '')) && process.env['CYRUS_NO_SKIP'] !== '1';
const oidOf = (content: Buffer): string => createHash('sha256').update(content).digest('hex');
const pointerOf = (content: Buffer): string =>
  `version https://git-lfs.github.com/spec/v1\noid sha256:${oidOf(content)}\nsize ${content.length}\n`;
const attributes = '*.psd filter=lfs diff=lfs merge=lfs -text\n';

test('git-lfs is looked for where git looks', async () => {
  expect(await hasGitLfs('/nonexistent:relative')).toBe(false);
});

describe.skipIf(withoutLfs)('large files', () => {
  let setting: Setting;
  let host: HttpGit;
  let mirror: Mirror;
  const poster = randomBytes(70_000);
  beforeEach(async () => {
    setting = await newSetting({ '.gitattributes': attributes, 'art/poster é.psd': pointerOf(poster), 'README.md': 'x\n' });
    host = await startHttpGit(setting.base);
    host.lfs.set(oidOf(poster), poster);
    mirror = await setting.checkouts.mirror({ id: 'repo', remoteUrl: `${host.url}/up.git`, token: host.password });
    await mirror.fetch();
  });
  afterEach(async () => {
    await host.close();
    await setting.end();
  });
  async function checkOut(name = 'task', sha?: string): Promise<Checkout> {
    const at = sha ?? (await mirror.resolve('main')) ?? '';
    const checkout = await setting.checkouts.create({ mirror, name, sha: at, branch: 'cyrus/eng-1' });
    return setting.checkouts.addLargeFiles({ mirror, checkout, files: (await lfsUse(mirror, at))?.files ?? [] });
  }
  const bytes = (checkout: Checkout, path: string): Promise<Buffer> => readFile(join(checkout.directory, path));

  test('are there in whole, and nothing looks changed', async () => {
    const checkout = await checkOut();
    expect((await bytes(checkout, 'art/poster é.psd')).equals(poster)).toBe(true);
    expect(await git(checkout.directory, 'status', '--porcelain')).toBe('');
    expect((await setting.checkouts.collect({ mirror, checkout, attempt: 'a' })).changed).toBe(false);
    expect(await setting.checkouts.find('task')).toMatchObject({ lfs: true });
  });

  test('new ones, committed or not, become pointers in git and are on the remote before the branch is', async () => {
    const checkout = await checkOut();
    const [committed, loose] = [randomBytes(50_000), randomBytes(60_000)];
    await writeFile(join(checkout.directory, 'new.psd'), committed);
    await git(checkout.directory, 'add', '-A');
    await git(checkout.directory, 'commit', '-q', '-m', 'new');
    await writeFile(join(checkout.directory, 'loose.psd'), loose);
    const { sha, lostLargeFiles } = await setting.checkouts.collect({ mirror, checkout, attempt: 'a' });
    expect(lostLargeFiles).toBeUndefined();
    expect(`${await git(mirror.directory, 'show', `${sha}:new.psd`)}\n`).toBe(pointerOf(committed));
    expect(`${await git(mirror.directory, 'show', `${sha}:loose.psd`)}\n`).toBe(pointerOf(loose));
    await setting.checkouts.remove({ mirror, checkout });
    // The checks' checkout has them, too, though no remote does yet.
    const check = await checkOut('check', sha);
    expect((await bytes(check, 'loose.psd')).equals(loose)).toBe(true);
    expect(host.lfs.has(oidOf(committed))).toBe(false);
    expect(await setting.checkouts.push({ mirror, sha, branch: 'cyrus/eng-1', lease: null })).toMatchObject({ kind: 'pushed' });
    expect([host.lfs.has(oidOf(committed)), host.lfs.has(oidOf(loose))]).toEqual([true, true]);
    const uploads = host.seen.filter(({ path }) => path.startsWith('/lfs-objects/')).length;
    expect(await setting.checkouts.push({ mirror, sha, branch: 'cyrus/eng-1', lease: null })).toMatchObject({ alreadyThere: true });
    expect(host.seen.filter(({ path }) => path.startsWith('/lfs-objects/'))).toHaveLength(uploads);
  });

  test('a repository at a path has them beside its objects', async () => {
    const place = (content: Buffer): string =>
      join(setting.upstream, 'lfs/objects', oidOf(content).slice(0, 2), oidOf(content).slice(2, 4), oidOf(content));
    await mkdir(dirname(place(poster)), { recursive: true });
    await writeFile(place(poster), poster);
    mirror = await setting.checkouts.mirror({ id: 'local', remoteUrl: setting.upstream });
    await mirror.fetch();
    const checkout = await checkOut();
    expect((await bytes(checkout, 'art/poster é.psd')).equals(poster)).toBe(true);
    const fresh = randomBytes(20_000);
    await writeFile(join(checkout.directory, 'new.psd'), fresh);
    const { sha } = await setting.checkouts.collect({ mirror, checkout, attempt: 'a' });
    await setting.checkouts.push({ mirror, sha, branch: 'cyrus/eng-1', lease: null, remoteUrl: setting.upstream });
    expect((await readFile(place(fresh))).equals(fresh)).toBe(true);
  });

  test('one that is on no remote is named: never a silent pointer', async () => {
    host.lfs.clear();
    await expect(checkOut()).rejects.toMatchObject({
      failure: { message: expect.stringContaining('art/poster é.psd'), fix: expect.stringContaining('repositories[].lfs to "pointers"') },
    });
  });

  test('a wrong token is told as that', async () => {
    const wrong = await setting.checkouts.mirror({ id: 'repo', remoteUrl: `${host.url}/up.git`, token: 'wrong' });
    mirror = wrong;
    await expect(checkOut()).rejects.toMatchObject({
      failure: { class: 'auth', message: expect.stringContaining('Files in Git LFS cannot be had') },
    });
  });

  test('.lfsconfig sends the token nowhere else', async () => {
    const other = await startHttpGit(setting.base);
    try {
      const evil = `[lfs]\n\turl = ${other.url}/up.git/info/lfs\n\tpushurl = ${other.url}/up.git/info/lfs\n\tfetchexclude = *\n`;
      await command('git', ['fetch', '-q', setting.upstream, 'main'], setting.work);
      await setting.commit({ '.lfsconfig': evil });
      await mirror.fetch();
      const checkout = await checkOut();
      expect((await bytes(checkout, 'art/poster é.psd')).equals(poster)).toBe(true);
      await writeFile(join(checkout.directory, 'new.psd'), randomBytes(10_000));
      const { sha } = await setting.checkouts.collect({ mirror, checkout, attempt: 'a' });
      await setting.checkouts.push({ mirror, sha, branch: 'cyrus/eng-1', lease: null });
      expect(other.seen).toEqual([]);
    } finally {
      await other.close();
    }
  });

  test('a pointer whose content the agent put out of reach is told, and no link is followed to another', async () => {
    const checkout = await checkOut();
    const content = randomBytes(30_000);
    await writeFile(join(checkout.directory, 'new.psd'), content);
    await git(checkout.directory, 'add', '-A');
    await git(checkout.directory, 'commit', '-q', '-m', 'new');
    const oid = oidOf(content);
    const stored = join(checkout.directory, '.git/lfs/objects', oid.slice(0, 2), oid.slice(2, 4), oid);
    const outside = join(setting.base, 'outside');
    await mkdir(outside);
    await writeFile(join(outside, oid), content);
    await rm(dirname(stored), { recursive: true });
    await symlink(outside, dirname(stored));
    await rm(join(checkout.directory, 'new.psd'));
    const { lostLargeFiles } = await setting.checkouts.collect({ mirror, checkout, attempt: 'a' });
    expect(lostLargeFiles).toEqual(['new.psd']);
  });

  test('one that an agent lost stays lost in the attempts that go on from there', async () => {
    const first = await checkOut();
    const content = randomBytes(30_000);
    await writeFile(join(first.directory, 'new.psd'), content);
    await git(first.directory, 'add', '-A');
    await git(first.directory, 'commit', '-q', '-m', 'new');
    await rm(join(first.directory, '.git/lfs/objects', oidOf(content).slice(0, 2)), { recursive: true });
    await rm(join(first.directory, 'new.psd'));
    const { sha } = await setting.checkouts.collect({ mirror, checkout: first, attempt: 'a' });
    const checkout = await setting.checkouts.create({ mirror, name: 'second', sha, branch: 'cyrus/eng-1' });
    await writeFile(join(checkout.directory, 'more.txt'), 'more');
    expect(await setting.checkouts.collect({ mirror, checkout, attempt: 'b' })).toMatchObject({
      changed: true,
      lostLargeFiles: ['new.psd'],
    });
  });

  test('an agent that begins to use them has its files pushed like any other; a pointer alone is told', async () => {
    await setting.commit({ '.gitattributes': '' });
    await rm(join(setting.work, 'art'), { recursive: true });
    await setting.commit({});
    await mirror.fetch();
    const sha = (await mirror.resolve('main')) ?? '';
    const begun = async (name: string): Promise<Checkout> => {
      const checkout = await setting.checkouts.create({ mirror, name, sha, branch: 'cyrus/eng-1' });
      await writeFile(join(checkout.directory, '.gitattributes'), attributes);
      return checkout;
    };
    const content = randomBytes(40_000);
    const whole = await begun('whole');
    await command('git', ['lfs', 'install', '--local'], whole.directory);
    await writeFile(join(whole.directory, 'new.psd'), content);
    await git(whole.directory, 'add', '-A');
    await git(whole.directory, 'commit', '-q', '-m', 'new');
    const work = await setting.checkouts.collect({ mirror, checkout: whole, attempt: 'a' });
    expect(work.lostLargeFiles).toBeUndefined();
    await setting.checkouts.push({ mirror, sha: work.sha, branch: 'cyrus/eng-1', lease: null });
    expect(host.lfs.has(oidOf(content))).toBe(true);
    const bare = await begun('bare');
    await writeFile(join(bare.directory, 'bare.psd'), pointerOf(randomBytes(10)));
    expect(await setting.checkouts.collect({ mirror, checkout: bare, attempt: 'b' })).toMatchObject({ lostLargeFiles: ['bare.psd'] });
  });

  test('one that the host does not take is named, and the branch is not pushed without it', async () => {
    const checkout = await checkOut();
    await writeFile(join(checkout.directory, 'huge.psd'), randomBytes(90_000));
    const { sha } = await setting.checkouts.collect({ mirror, checkout, attempt: 'a' });
    host.lfsMaxBytes = 80_000;
    await expect(setting.checkouts.push({ mirror, sha, branch: 'cyrus/eng-1', lease: null })).rejects.toMatchObject({
      failure: {
        class: 'invalid_request',
        message: expect.stringMatching(/\(huge\.psd, 1 MB\).*not pushed/),
        fix: expect.stringContaining('limits of Git LFS'),
      },
    });
    expect(await git(setting.upstream, 'for-each-ref', 'refs/heads/cyrus/')).toBe('');
  });
});
