import { spawn } from 'node:child_process';
import { systemClock } from 'cyrus-core/clock';
import { describe, expect, test } from 'vitest';
import { bubblewrap, eventually, noBubblewrap, outcome, plain, processesWith, specOf, uniqueSleep } from './hosts.ts';

/** A tree that makes leaving hard: own sessions, parents that are gone, closed streams, ignored signals. */
const deepTree = (length: string): string =>
  `trap '' TERM HUP; (setsid sh -c 'trap "" TERM; setsid sleep ${length} & sleep ${length}' </dev/null >/dev/null 2>&1 &); sleep ${length} & sleep ${length}`;

const grown = (length: string) => eventually(async () => (await processesWith(`sleep\0${length}`)).length === 4);

describe.each([
  ['bwrap', bubblewrap, noBubblewrap],
  ['none', plain, false],
] as const)('isolation %s', (isolation, sandbox, skipped) => {
  test.skipIf(skipped)('kill ends the whole tree before it resolves', async () => {
    const length = uniqueSleep();
    const run = sandbox.spawn(specOf({ runId: `kill-${length}`, args: ['-c', deepTree(length)] }));
    expect(await grown(length)).toBe(true);
    const start = systemClock.now();
    await run.kill();
    expect(await processesWith(length)).toEqual([]);
    expect(systemClock.now() - start).toBeLessThan(1_000);
    expect(await run.exited).toEqual({ code: null, signal: 'SIGKILL' });
    await run.kill();
  });

  test.skipIf(skipped)('a kill right after the spawn leaves nothing', async () => {
    const lengths = Array.from({ length: 8 }, uniqueSleep);
    const runs = lengths.map((length) => sandbox.spawn(specOf({ runId: `at-once-${length}`, args: ['-c', deepTree(length)] })));
    await Promise.all(runs.map((run) => run.kill()));
    expect((await Promise.all(lengths.map(processesWith))).flat()).toEqual([]);
  });

  test.skipIf(skipped)('what a command leaves in the background is gone when it has exited', async () => {
    const length = uniqueSleep();
    const run = await outcome(
      sandbox.spawn(specOf({ runId: `left-${length}`, args: ['-c', `setsid sleep ${length} </dev/null >/dev/null 2>&1 & exit 4`] })),
    );
    expect(run.code).toBe(4);
    expect(await processesWith(length)).toEqual([]);
  });

  test.skipIf(skipped)('the end of one command leaves another of the same run alone', async () => {
    const length = uniqueSleep();
    const long = sandbox.spawn(specOf({ runId: `same-${length}`, args: ['-c', `exec sleep ${length}`] }));
    await outcome(sandbox.spawn(specOf({ runId: `same-${length}`, args: ['-c', 'exit 0'] })));
    expect(await eventually(async () => (await processesWith(`sleep\0${length}`)).length > 0)).toBe(true);
    await long.kill();
  });

  test.skipIf(skipped)('leftovers are found by the start of their run id', async () => {
    const [mine, other] = [uniqueSleep(), uniqueSleep()];
    const runs = [`prefix-${mine}-1`, `other-${mine}-1`].map((runId, index) =>
      sandbox.spawn(specOf({ runId, args: ['-c', deepTree(index === 0 ? mine : other)] })),
    );
    expect((await grown(mine)) && (await grown(other))).toBe(true);
    expect(await sandbox.killLeftovers(`prefix-${mine}`)).toBeGreaterThan(0);
    expect([(await processesWith(`sleep\0${mine}`)).length, (await processesWith(`sleep\0${other}`)).length]).toEqual([0, 4]);
    await Promise.all(runs.map((run) => run.kill()));
  });

  test.skipIf(skipped)('kill -9 of the supervisor takes the tree with it', async () => {
    const length = uniqueSleep();
    const supervisor = spawn(
      process.execPath,
      ['--conditions=cyrus-source', new URL('./supervisor.ts', import.meta.url).pathname, isolation, deepTree(length)],
      { stdio: 'ignore' },
    );
    expect(await grown(length)).toBe(true);
    supervisor.kill('SIGKILL');
    expect(await eventually(async () => (await processesWith(length)).length === 0)).toBe(true);
  });

  test.skipIf(skipped)('a command that does not exist is a spawn error', async () => {
    const run = sandbox.spawn(specOf({ runId: 'missing', command: '/no/such/command' }));
    expect((await outcome(run)).spawnError).toBeInstanceOf(Error);
    await run.kill();
  });
});

test('without isolation, a process that cleared its environment still dies with its command', async () => {
  const length = uniqueSleep();
  const run = plain.spawn(specOf({ runId: `cleared-${length}`, args: ['-c', `env -i setsid /bin/sleep ${length}`] }));
  expect(await eventually(async () => (await processesWith(`sleep\0${length}`)).length === 1)).toBe(true);
  await run.kill();
  expect(await processesWith(length)).toEqual([]);
});
