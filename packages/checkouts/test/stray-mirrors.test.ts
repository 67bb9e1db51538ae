import { readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Mirror } from '../src/mirror.ts';
import { newSetting, type Setting } from './setting.ts';

let setting: Setting;
beforeEach(async () => {
  setting = await newSetting();
});
afterEach(() => setting.end());

const open = (): Promise<Mirror> => setting.checkouts.mirror({ id: 'repo', remoteUrl: setting.upstream });

/** As if nobody had touched it for long. */
async function leave(directory: string): Promise<void> {
  for (const name of await readdir(directory, { recursive: true })) await utimes(join(directory, name), 1, 1);
  await utimes(directory, 1, 1);
}

test('a mirror that somebody opens after it was listed stays, also when nothing new is fetched', async () => {
  const mirror = await open();
  await mirror.fetch();
  await leave(mirror.directory);
  const [stray] = await setting.checkouts.strays([]);
  if (!stray) throw new Error('not listed');
  expect(stray).toMatchObject({ holds: null, lastUsedAt: 1_000 });
  await open();
  // Even if the clock of the file system had not noticed.
  await leave(mirror.directory);
  expect(await setting.checkouts.dropStray(stray)).toBe(false);
  expect(await mirror.resolve('main')).toBeDefined();
  const [again] = await setting.checkouts.strays([]);
  if (!again) throw new Error('not listed');
  expect(await setting.checkouts.dropStray(again)).toBe(true);
  expect(await setting.checkouts.strays([])).toEqual([]);
});

test('whoever opens one while it is deleted gets a whole one', async () => {
  for (let round = 0; round < 8; round++) {
    const before = await open();
    await before.fetch();
    await leave(before.directory);
    const [stray] = await setting.checkouts.strays([]);
    if (!stray) throw new Error('not listed');
    const dropping = setting.checkouts.dropStray(stray);
    await new Promise((resolve) => setTimeout(resolve, round * 3));
    const mirror = await open();
    await mirror.fetch();
    await dropping;
    expect(await mirror.resolve('main')).toBeDefined();
  }
});
