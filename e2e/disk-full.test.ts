import { execFile } from 'node:child_process';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { mountable } from 'cyrus-store/testing/mountable';
import { expect, test, vi } from 'vitest';
import { textOf } from './support/linear.ts';
import { change, shell } from './support/model.ts';
import { until } from './support/until.ts';
import { World } from './support/world.ts';

// A machine under load is five times slower.
vi.setConfig({ testTimeout: 150_000 });

const run = promisify(execFile);

test('with less free space than is to stay free new work waits, says so everywhere, and goes on when there is room', async () => {
  const world = await World.open({ config: { minFreeDiskMb: 90_000_000 } });
  try {
    const { linear, github, model } = world;
    await model.script('Wants a disk', change('disk.txt', 'd', 'Had a disk.'));
    const issue = await linear.assign({ title: 'Wants a disk' });
    const told = textOf(await linear.seen(issue, /disk space/));
    expect(told).toMatch(/Waiting for disk space\. The disk has .* free, and .* are to stay free/);
    const status = await world.cyrus('status');
    expect(status.stdout).toMatch(/No disk space: new work waits\. The disk has/);
    expect(status.stdout).toMatch(/^Database: [\d.]+ MB \(/m);
    const ready = await fetch(`${world.url}/readyz`);
    expect(ready.status).toBe(200);
    expect(((await ready.json()) as { checks: Record<string, string> }).checks['disk']).toMatch(/are to stay free/);
    expect(await github.pushes('app')).toEqual([]);

    await world.service.end();
    await world.configure({ repositories: await repositories(world), minFreeDiskMb: 0 });
    await world.start();
    expect((await linear.closing(issue)).body).toMatch(/^✅ Had a disk\./);
    expect(await linear.closings(issue)).toHaveLength(1);
  } finally {
    await world.close();
  }
});

test.skipIf(!mountable)(
  'a disk that is full to the last byte: what cannot be stored is turned away, and all of it is done, once, when there is room',
  async () => {
    const place = await mkdtemp(join(tmpdir(), 'cyrus-full-'));
    await run('mount', ['-t', 'tmpfs', '-o', 'size=700m,mode=0755', 'tmpfs', place]);
    const before = process.env['TMPDIR'];
    process.env['TMPDIR'] = place;
    let world: World | undefined;
    try {
      world = await World.open({ config: { minFreeDiskMb: 0, reconcile: { everyMs: 1_000 } } });
      const { linear, github, model } = world;
      await model.script('Under way', [
        shell('i=0; until [ -e go ] || [ $((i=i+1)) -gt 100 ]; do sleep 0.1; done'),
        ...change('way.txt', 'w', 'Under way and done.'),
      ]);
      const running = await linear.assign({ title: 'Under way' });
      await until('the agent to be at work', async () => (await model.requestsAbout('Under way')).length > 0);

      const ballast = await fill(place);
      const issues: string[] = [];
      for (let n = 0; n < 4; n++) {
        await model.script(`Too much ${n}`, change(`too-${n}.txt`, 'x', `Done ${n}.`));
        // Nothing that fits into a page that is there already.
        issues.push(await linear.assign({ title: `Too much ${n}`, description: random(300_000) }));
      }
      await until('some to be turned away', async () => (await linear.deliveries()).some((each) => each.status === 503));
      expect((await fetch(`${world.url}/healthz`)).status).toBe(200);
      await sleep(2_000);
      await rm(ballast);

      const answers = await Promise.all([running, ...issues].map((issue) => linear.closing(issue)));
      expect(answers.map((answer) => answer.body?.split('\n')[0])).toEqual([
        '✅ Under way and done.',
        ...issues.map((_, n) => `✅ Done ${n}.`),
      ]);
      for (const issue of [running, ...issues]) {
        expect(await linear.closings(issue)).toHaveLength(1);
        expect(await github.pulls('app', issue)).toHaveLength(1);
      }
    } finally {
      await world?.close();
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
      await run('umount', ['-l', place]);
      await rm(place, { recursive: true, force: true });
    }
  },
  120_000,
);

/** Takes every byte there is; the file to remove. */
async function fill(place: string): Promise<string> {
  const file = join(place, 'ballast');
  const handle = await open(file, 'w');
  for (const size of [1024 * 1024, 4096]) {
    const block = Buffer.alloc(size, 1);
    for (;;) if ((await handle.write(block).catch(() => ({ bytesWritten: 0 }))).bytesWritten < size) break;
  }
  await handle.close();
  return file;
}

const random = (length: number): string =>
  Array.from({ length: length / 8 }, () => Math.random().toString(36).slice(2, 10).padEnd(8, '0')).join('');

async function repositories(world: World): Promise<readonly object[]> {
  const { repositories: all } = await world.github.state();
  return all.map((repository) => ({
    id: repository.fullName.replace('acme/', ''),
    remoteUrl: `${world.github.url}/${repository.fullName}.git`,
  }));
}
