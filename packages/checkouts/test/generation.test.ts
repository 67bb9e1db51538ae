import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from 'cyrus-core/clock';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createCheckouts } from '../src/checkouts.ts';
import type { Mirror } from '../src/mirror.ts';
import { git, identity, newSetting, type Setting, sandbox, write } from './setting.ts';

let setting: Setting;
let mirror: Mirror;
beforeEach(async () => {
  setting = await newSetting();
  mirror = await setting.checkouts.mirror({ id: 'repo', remoteUrl: setting.upstream });
  await mirror.fetch();
});
afterEach(() => setting.end());

const main = async (): Promise<string> => (await mirror.resolve('main')) ?? '';
const generations = async (): Promise<string[]> =>
  (await readdir(join(setting.root, 'repos'))).filter((name) => !name.startsWith('.')).sort();
const create = async (name: string) => setting.checkouts.create({ mirror, name, sha: await main(), branch: `cyrus/${name}` });

test('space is taken back by a new generation; what borrows from the old one lives on, and the old one goes with the last of it', async () => {
  // A large commit that a force-push takes away again: only the checkout that began at it still needs it.
  const big = await setting.commit({ 'big.bin': randomBytes(2_000_000).toString('base64') });
  await mirror.fetch();
  const living = await create('living');
  const saved = await create('saved');
  await write(saved.directory, { 'saved.txt': 'unpushed' });
  const { ref, sha: work } = await setting.checkouts.collect({ mirror, checkout: saved, attempt: 'a-1' });
  await git(setting.work, 'reset', '-q', '--hard', 'HEAD~1');
  await git(setting.work, 'commit', '-q', '--allow-empty', '-m', 'other');
  await git(setting.work, 'push', '-q', '--force', 'origin', 'main');
  await mirror.fetch();
  await setting.checkouts.remove({ mirror, checkout: saved });
  const before = await setting.checkouts.weight(mirror);

  await setting.checkouts.renew(mirror, []);
  expect(await generations()).toEqual(['repo.git', 'repo.git.g2']);
  expect(mirror.directory.endsWith('repo.git.g2')).toBe(true);
  expect(await mirror.resolve(ref)).toBe(work);
  expect(await mirror.defaultBranch()).toBe('main');
  // What a living checkout began at is kept, so that its work can be told from it.
  expect(await mirror.resolve(big)).toBe(big);
  expect(await setting.checkouts.oldGenerations(mirror, { dryRun: false })).toEqual([]);

  await write(living.directory, { 'work.txt': 'work' });
  await git(living.directory, 'add', '-A');
  await git(living.directory, 'commit', '-q', '-m', 'Work');
  const collected = await setting.checkouts.collect({ mirror, checkout: living, attempt: 'a-2' });
  const { commits, relation } = await setting.checkouts.evidence({ mirror, base: big, head: collected.sha });
  expect([relation, commits.map(({ subject }) => subject)]).toEqual(['descends', ['Work']]);
  const fresh = await create('fresh');
  expect(await readFile(join(fresh.directory, '.git/objects/info/alternates'), 'utf8')).toBe(`${mirror.objectsDirectory}\n`);

  await setting.checkouts.remove({ mirror, checkout: living, collected });
  expect(await setting.checkouts.oldGenerations(mirror, { dryRun: true })).toEqual([join(setting.root, 'repos/repo.git')]);
  expect(await generations()).toHaveLength(2);
  await setting.checkouts.oldGenerations(mirror, { dryRun: false });
  expect(await generations()).toEqual(['repo.git.g2']);
  expect(await git(fresh.directory, 'fsck', '--no-dangling')).toBe('');

  // Nothing leads to the large commit any more.
  await setting.checkouts.dropSaved(mirror, await setting.checkouts.saved(mirror));
  await setting.checkouts.renew(mirror, []);
  expect(mirror.directory.endsWith('repo.git.g3')).toBe(true);
  expect(await mirror.resolve(big)).toBeUndefined();
  expect((await setting.checkouts.weight(mirror)).bytes).toBeLessThan(before.bytes / 2);
  expect(await git(fresh.directory, 'status', '--porcelain')).toBe('');
});

test('a start goes on in the newest whole generation; half made and half deleted ones are removed', async () => {
  await setting.checkouts.renew(mirror, []);
  for (const half of ['repo.git.g3.new', 'repo.git.gone', 'repo.git.g1.gone']) await mkdir(join(setting.root, 'repos', half));
  const restarted = createCheckouts({ root: setting.root, sandbox, clock: systemClock, gitIdentity: identity });
  const again = await restarted.mirror({ id: 'repo', remoteUrl: setting.upstream });
  expect(again.directory.endsWith('repo.git.g2')).toBe(true);
  expect(await generations()).toEqual(['repo.git', 'repo.git.g2']);
  const sha = await setting.commit({ 'b.txt': 'b' });
  await again.fetch();
  expect(await again.resolve('main')).toBe(sha);
  // A token that was renewed meanwhile changes nothing about where the mirror is.
  const other = await restarted.mirror({ id: 'repo', remoteUrl: setting.upstream, token: 'next' });
  await restarted.renew(again, []);
  expect(other.directory).toBe(again.directory);
  expect(other.directory.endsWith('repo.git.g3')).toBe(true);
});

test('saved work says whether a branch of the remote has it', async () => {
  const made = await create('task');
  await write(made.directory, { 'x.txt': 'x' });
  const { sha } = await setting.checkouts.collect({ mirror, checkout: made, attempt: 'a-1' });
  const states = async () =>
    Object.fromEntries((await setting.checkouts.saved(mirror)).map(({ ref, onRemote }) => [ref, onRemote] as const));
  expect(await states()).toEqual({ 'refs/cyrus/own/a-1': true, 'refs/cyrus/wip/a-1': false });
  await git(mirror.directory, 'push', '-q', setting.upstream, `${sha}:refs/heads/cyrus/x`);
  await mirror.fetch();
  expect(await states()).toEqual({ 'refs/cyrus/own/a-1': true, 'refs/cyrus/wip/a-1': true });
});
