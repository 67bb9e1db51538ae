import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { manualClock } from 'cyrus-core/clock';
import { configSchema } from 'cyrus-core/config/schema';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createDiskRoom, type DiskRoom } from './disk-room.ts';

const gb = 1024 ** 3;
const mb = 1024 ** 2;
let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'disk-room-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

const clock = manualClock();
function room(config: object, free: number): DiskRoom {
  const parsed = configSchema.parse(config);
  return createDiskRoom({ home, config: () => parsed, clock, freeBytes: async () => free });
}

test('there is room, also for what is to come', async () => {
  expect(await room({ minFreeDiskMb: 1024 }, 3 * gb).shortage(2 * gb - mb)).toBeUndefined();
});

test('too little would stay free: says how much there is, what is needed and what to do', async () => {
  const shortage = await room({ minFreeDiskMb: 1024 }, 3 * gb).shortage(2 * gb + mb);
  expect(shortage?.message).toBe('The disk has 3.0 GB free, and 1.0 GB are to stay free (minFreeDiskMb). 2.0 GB are needed here.');
  expect(shortage?.fix).toContain('cyrus gc --dry-run');
});

test('what mirrors and checkouts take is limited; it is measured again once it may have changed', async () => {
  await mkdir(join(home, 'checkouts/task'), { recursive: true });
  await writeFile(join(home, 'checkouts/task/big'), Buffer.alloc(3 * mb, 1));
  const limited = room({ checkouts: { maxDiskGb: 2 / 1024 } }, 100 * gb);
  expect((await limited.shortage())?.message).toMatch(
    /^Mirrors and checkouts take 3 MB, and may take 0\.00\d+ GB \(checkouts\.maxDiskGb\)\.$/,
  );
  await rm(join(home, 'checkouts/task'), { recursive: true });
  expect(await limited.shortage()).toBeDefined();
  limited.forget();
  expect(await limited.shortage()).toBeUndefined();
  await writeFile(join(home, 'checkouts/big'), Buffer.alloc(3 * mb, 1));
  clock.advance(61_000);
  expect(await limited.shortage()).toBeDefined();
});
