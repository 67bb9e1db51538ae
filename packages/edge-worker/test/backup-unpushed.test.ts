import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from 'cyrus-core/clock';
import { besideGit, bundleUnpushed, listMirrors, unbundle } from 'cyrus-edge-worker/backup/unpushed';
import { afterEach, beforeEach, expect, test } from 'vitest';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cyrus-unpushed-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const git = (cwd: string, ...args: string[]): string =>
  execFileSync('git', ['-c', 'user.name=T', '-c', 'user.email=t@localhost', ...args], {
    cwd,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] ?? '', GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1', HOME: directory },
  }).trim();

test('work that is on no remote comes out of a bundle without the remote; what is on the remote is not bundled', async () => {
  const home = join(directory, 'home');
  const mirror = join(home, 'repos', 'app.git');
  await mkdir(mirror, { recursive: true });
  git(mirror, 'init', '--quiet', '--bare');
  const tree = join(directory, 'tree');
  await mkdir(tree);
  git(tree, 'init', '--quiet', '-b', 'main');
  await writeFile(join(tree, 'a'), 'base');
  git(tree, 'add', '-A');
  git(tree, 'commit', '--quiet', '-m', 'base');
  git(tree, 'push', '--quiet', mirror, 'main:refs/remotes/origin/main', 'main:refs/cyrus/wip/pushed');
  const beside = await besideGit(home, systemClock);
  const [found] = await listMirrors(home);
  expect(found).toEqual({ name: 'app.git', directory: mirror });
  const file = join(directory, 'bundle');
  expect(await bundleUnpushed(beside, mirror, file)).toBeUndefined();

  await writeFile(join(tree, 'b'), 'of an agent');
  git(tree, 'add', '-A');
  git(tree, 'commit', '--quiet', '-m', 'work');
  const sha = git(tree, 'rev-parse', 'HEAD');
  git(tree, 'push', '--quiet', mirror, 'HEAD:refs/cyrus/wip/attempt-1');
  expect(await bundleUnpushed(beside, mirror, file)).toBe((await stat(file)).size);

  const other = join(directory, 'other');
  await unbundle(await besideGit(other, systemClock), other, 'app.git', file);
  const restored = join(other, 'repos', 'app.git');
  expect(git(restored, 'rev-parse', 'refs/cyrus/wip/attempt-1')).toBe(sha);
  expect(git(restored, 'show', `${sha}:b`)).toBe('of an agent');
  expect(git(restored, 'fsck', '--full')).toBe('');
});
