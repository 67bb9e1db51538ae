import { pbkdf2 } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from 'cyrus-core/clock';
import { expect, test } from 'vitest';
import { startPostmaster } from '../src/server/postmaster.ts';

/** Keeps the threads that files are worked on with busy, until `work` is over: each of its steps waits behind others. */
async function withSlowFiles<T>(work: () => Promise<T>): Promise<T> {
  let over = false;
  const busy = (): Promise<void> =>
    new Promise((resolve) => pbkdf2('x', 'y', 40_000, 64, 'sha512', () => resolve(over ? undefined : busy())));
  const all = Array.from({ length: 12 }, busy);
  try {
    return await work();
  } finally {
    over = true;
    await Promise.all(all);
  }
}

test('a postmaster that ends before its log is closed is heard, with what it said', async () => {
  const base = await mkdtemp(path.join(tmpdir(), 'cyrus-postmaster-'));
  try {
    const bin = path.join(base, 'bin');
    await mkdir(bin);
    await writeFile(path.join(bin, 'postgres'), '#!/bin/sh\necho "FATAL:  not today"\nexit 1\n');
    await chmod(path.join(bin, 'postgres'), 0o755);
    const layout = {
      account: undefined,
      base,
      data: path.join(base, 'data'),
      leases: path.join(base, 'leases'),
      copies: path.join(base, 'copies'),
      passwordFile: path.join(base, 'password'),
      logFile: path.join(base, 'log'),
    };
    const outcome = await withSlowFiles(() => startPostmaster(layout, { bin, major: 18, version: '18' }, {}, systemClock));
    expect(outcome).toMatchObject({ started: false, again: false, error: { message: expect.stringContaining('not today') } });
  } finally {
    await rm(base, { recursive: true, force: true });
  }
});
