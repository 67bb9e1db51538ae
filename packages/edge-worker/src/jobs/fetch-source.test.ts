import type { FetchWish, Mirror } from 'cyrus-checkouts/mirror';
import { type ManualClock, manualClock } from 'cyrus-core/clock';
import { silentLog } from 'cyrus-store/log';
import type { HostJob } from 'cyrus-store/queries/job-row';
import { beforeEach, expect, test } from 'vitest';
import type { JobContext } from '../supervisor/job-runner.ts';
import type { Shortage } from './disk-room.ts';
import { fetchSource, type SourceOptions, untilRoom } from './fetch-source.ts';

const full: Shortage = { message: 'The disk is full.', fix: 'Free some space.' };
const job: HostJob = {
  ...{ id: 'job', kind: 'prepare', notify: 'attempt:a', sessionId: null, planId: 'plan', taskId: 'task', attemptId: 'a', payload: {} },
};
let clock: ManualClock;
let stop: AbortController;
let context: JobContext;
let said: { key: string; reason: string; tell: boolean }[];
let shortages: (Shortage | undefined)[];
let waiting: number;
let options: SourceOptions;
beforeEach(() => {
  clock = manualClock(1_000_000);
  stop = new AbortController();
  const never = new AbortController().signal;
  context = {
    signal: stop.signal,
    clock,
    log: silentLog,
    givenUp: never,
    bootId: 'boot',
    tell: async () => undefined,
    onMessages: () => undefined,
  };
  said = [];
  shortages = [];
  waiting = 0;
  options = {
    room: { shortage: async () => shortages.shift(), forget: () => undefined },
    shrink: async () => waiting-- > 0,
    say: async (_job, _context, what) => void said.push(what),
    lastSaid: async () => 990_000,
  };
});
const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const mirror = (fetch: (wish: FetchWish) => ReturnType<Mirror['fetch']>): Mirror =>
  ({ remote: { url: 'https://host/app', kind: 'http' }, fetch }) as unknown as Mirror;

test('a fetch that began after a person last spoke is new enough, for a minute', async () => {
  const since: unknown[] = [];
  const source = mirror(async (wish) => {
    since.push(wish.since);
    return { defaultBranch: 'main' };
  });
  await fetchSource(options, job, context, source);
  clock.advance(100_000);
  await fetchSource(options, job, context, source);
  await fetchSource(options, { ...job, planId: null }, context, source);
  await fetchSource(options, job, context, source, { anew: true });
  await fetchSource({ ...options, lastSaid: async () => 1_200_000 }, job, context, source);
  expect(since).toEqual([990_000, 1_040_000, 1_100_000, 1_100_000, 1_100_000]);
});

test('a long fetch is told once, and recorded every half minute', async () => {
  await fetchSource(
    options,
    job,
    context,
    mirror(async ({ onProgress }) => {
      for (let percent = 0; percent <= 100; percent++) {
        onProgress?.({ phase: 'Receiving objects', percent, received: `${percent} MiB` });
        clock.advance(1_000);
      }
      return { defaultBranch: 'main' };
    }),
  );
  expect(said.map(({ reason, tell }) => [reason, tell])).toEqual([
    ['Fetching https://host/app: 5 % (5 MiB).', true],
    ['Fetching https://host/app: 35 % (35 MiB).', false],
    ['Fetching https://host/app: 65 % (65 MiB).', false],
    ['Fetching https://host/app: 95 % (95 MiB).', false],
  ]);
});

test('a fetch is ended before the disk is full, and says what to do', async () => {
  shortages = [full];
  const fetching = fetchSource(
    options,
    job,
    context,
    mirror(async ({ onProgress, signal }) => {
      clock.advance(3_000);
      onProgress?.({ phase: 'Receiving objects', percent: 1 });
      return new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(new Error('aborted'))));
    }),
  );
  await expect(fetching).rejects.toMatchObject({
    failure: {
      class: 'setup_failed',
      message: 'Fetching https://host/app was ended before the disk was full. The disk is full.',
      fix: 'Free some space. Then write here to try again.',
    },
  });
});

test('without room: what waits ready goes first, then the task waits, says so once, and goes on by itself', async () => {
  shortages = [full, full, full];
  waiting = 1;
  let done = false;
  const roomy = untilRoom(options, job, context, async () => 0).then(() => {
    done = true;
  });
  for (let n = 0; n < 20; n++) await soon();
  expect([done, said.length]).toEqual([false, 1]);
  expect(said[0]).toMatchObject({
    key: 'disk:job',
    tell: true,
    reason: expect.stringMatching(/^Waiting for disk space\. The disk is full\. Free/),
  });
  for (let n = 0; n < 40 && !done; n++) {
    clock.advance(15_000);
    await soon();
  }
  await roomy;
  expect(said).toHaveLength(1);
});

test('who waits for room ends at a stop', async () => {
  shortages = Array.from({ length: 100 }, () => full);
  const roomy = untilRoom(options, job, context, async () => 0);
  for (let n = 0; n < 10; n++) await soon();
  stop.abort('stopped');
  await expect(roomy).rejects.toMatchObject({ failure: { class: 'sandbox_lost' } });
});

test('a day without room is told as a failure', async () => {
  options = { ...options, room: { shortage: async () => full, forget: () => undefined } };
  let over = false;
  const roomy = untilRoom(options, job, context, async () => 0).finally(() => {
    over = true;
  });
  roomy.catch(() => undefined);
  while (!over) {
    clock.advance(3_600_000);
    await soon();
  }
  await expect(roomy).rejects.toMatchObject({ failure: { class: 'setup_failed', fix: expect.stringContaining('write here') } });
});
