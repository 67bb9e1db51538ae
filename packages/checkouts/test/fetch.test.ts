import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from 'cyrus-core/clock';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createCheckouts } from '../src/checkouts.ts';
import type { Mirror } from '../src/mirror.ts';
import type { GitProgress } from '../src/progress.ts';
import { type HttpGit, startHttpGit } from './http-git.ts';
import { git, identity, newSetting, type Setting, sandbox } from './setting.ts';

let setting: Setting;
let host: HttpGit;
let mirror: Mirror;
beforeEach(async () => {
  setting = await newSetting();
  host = await startHttpGit(setting.base);
  mirror = await setting.checkouts.mirror({ id: 'repo', remoteUrl: `${host.url}/up.git`, token: host.password });
});
afterEach(async () => {
  await host.close();
  await setting.end();
});

/** How often the refs were asked for: once by `ls-remote`, once by each `fetch`. */
const asked = (): number => host.seen.filter(({ path, password }) => path.includes('info/refs') && password !== undefined).length;

test('twenty who ask at once, and those who come a little later, cost one fetch; who wants something newer costs another', async () => {
  await mirror.fetch();
  const before = asked();
  const since = systemClock.now();
  await Promise.all(Array.from({ length: 20 }, () => mirror.fetch({ since })));
  await Promise.all(Array.from({ length: 5 }, () => mirror.fetch({ since })));
  const one = asked() - before;
  expect(one).toBeLessThanOrEqual(2);
  const sha = await setting.commit({ 'b.txt': 'b' });
  await systemClock.sleep(2);
  await mirror.fetch({ since: systemClock.now() });
  expect(await mirror.resolve('main')).toBe(sha);
  expect(asked() - before).toBe(2 * one);
});

test('a stop ends a fetch that hangs at once; the next one works, and nothing broken is left', async () => {
  host.silent = true;
  const stop = new AbortController();
  const hanging = mirror.fetch({ signal: stop.signal });
  while (host.seen.length === 0) await systemClock.sleep(5);
  stop.abort();
  // The host still says nothing, and would for longer than a test may take: only the stop can have ended it.
  await expect(hanging).rejects.toMatchObject({ failure: { class: 'sandbox_lost' } });
  host.silent = false;
  expect(await mirror.fetch()).toEqual({ defaultBranch: 'main' });
  expect(await git(mirror.directory, 'fsck', '--no-dangling')).toBe('');
});

test('a fetch whose time is over, or whose connection breaks, leaves nothing of what it received', async () => {
  const packs = join(mirror.directory, 'objects/pack');
  const half = async (): Promise<string[]> => (await readdir(packs).catch(() => [])).filter((entry) => entry.startsWith('tmp_'));
  const big = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`big/${index}`, randomBytes(40_000).toString('base64')]));
  await setting.commit(big);
  host.stopAfterBytes = 2_000_000;
  const stop = new AbortController();
  const stopped = mirror.fetch({ signal: stop.signal });
  stopped.catch(() => undefined);
  await vi.waitUntil(async () => (await half()).length > 0, { timeout: 90_000 });
  stop.abort();
  await expect(stopped).rejects.toThrow('Stopped.');
  await vi.waitUntil(async () => (await half()).length === 0, { timeout: 90_000 });

  const place = { root: join(setting.base, 'other'), sandbox, clock: systemClock, gitIdentity: identity };
  const source = { id: 'repo', remoteUrl: `${host.url}/up.git`, token: host.password };
  const slow = await createCheckouts({ ...place, fetchTimeoutMs: 1_500 }).mirror(source);
  await expect(slow.fetch()).rejects.toMatchObject({
    failure: {
      class: 'timeout',
      message: expect.stringMatching(/Could not fetch http.*: git took longer than 1\.5 s\.$/),
      fix: expect.stringContaining('checkouts.fetchTimeoutMs'),
    },
  });
  expect((await readdir(join(slow.directory, 'objects/pack'))).filter((entry) => entry.startsWith('tmp_'))).toEqual([]);

  host.stopAfterBytes = undefined;
  const patient = await createCheckouts(place).mirror(source);
  expect(await patient.fetch().then(() => patient.resolve('main'))).toBe(await git(setting.work, 'rev-parse', 'HEAD'));
  expect(await mirror.fetch().then(() => mirror.resolve('main'))).toBe(await git(setting.work, 'rev-parse', 'HEAD'));
});

test('one of two who wait may go; the other gets its answer', async () => {
  const stop = new AbortController();
  const both = [mirror.fetch({ signal: stop.signal }), mirror.fetch()];
  stop.abort();
  await expect(both[0]).rejects.toThrow('Stopped.');
  expect(await both[1]).toEqual({ defaultBranch: 'main' });
});

test('a first fetch tells how far it is, and brings everything once', async () => {
  await setting.commit(Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`f/${index}`, randomBytes(500).toString('hex')])));
  await git(setting.work, 'push', '-q', 'origin', 'main:other');
  const seen: GitProgress[] = [];
  await mirror.fetch({ onProgress: (progress) => seen.push(progress) });
  expect(seen).toContainEqual(expect.objectContaining({ phase: 'Receiving objects', percent: 100 }));
  const packs = (await readdir(join(mirror.directory, 'objects/pack'))).filter((name) => name.endsWith('.pack'));
  expect(packs).toHaveLength(1);
});

test('checking out ends at a stop, and leaves nothing', async () => {
  await mirror.fetch();
  const stop = new AbortController();
  const making = setting.checkouts.create({
    mirror,
    name: 'a',
    sha: (await mirror.resolve('main')) ?? '',
    branch: 'cyrus/x',
    signal: stop.signal,
  });
  stop.abort(new Error('stopped'));
  await expect(making).rejects.toThrow('stopped');
  expect((await readdir(join(setting.root, 'checkouts')).catch(() => [])).filter((name) => name !== '.pool')).toEqual([]);
});
