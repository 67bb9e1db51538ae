import { join } from 'node:path';
import { type Checkouts, createCheckouts } from 'cyrus-checkouts/checkouts';
import type { Mirror } from 'cyrus-checkouts/mirror';
import { systemClock } from 'cyrus-core/clock';
import { configSchema } from 'cyrus-core/config/schema';
import { silentLog } from 'cyrus-store/log';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createPoolFiller, type PoolFiller } from '../src/checkout-pool/filler.ts';
import { createGithubCredentials } from '../src/github-credentials.ts';
import { createRepositories, type Repositories } from '../src/jobs/repositories.ts';
import { bestSandbox } from './support/hosts.ts';
import { makeRepository, type TestRepository } from './support/repository.ts';
import { temporary } from './support/supervisor.ts';
import { until } from './support/until.ts';

let temp: Awaited<ReturnType<typeof temporary>>;
let origin: TestRepository;
let checkouts: Checkouts;
let mirror: Mirror;
let repositories: Repositories;
let filler: PoolFiller | undefined;
let [busy, used, short] = [false, ['repo'], false];
const config = configSchema.parse({ repositories: [{ id: 'repo', repositoryPath: '/' }], checkouts: { pool: 2 } });

beforeEach(async () => {
  [busy, used, short] = [false, ['repo'], false];
  temp = await temporary();
  origin = await makeRepository(join(temp.path, 'origin'), { 'a.txt': 'a\n' });
  const here = { ...config, repositories: [{ id: 'repo', repositoryPath: origin.path, isActive: true }] };
  const gitIdentity = { name: 'Cyrus', email: 'cyrus@localhost' };
  checkouts = createCheckouts({ root: join(temp.path, 'home'), sandbox: bestSandbox, clock: systemClock, gitIdentity });
  repositories = createRepositories(checkouts, () => here, createGithubCredentials({ config: () => here, clock: systemClock }));
  mirror = await repositories.open('repo');
  await mirror.fetch();
});
afterEach(async () => {
  await filler?.close();
  await temp.remove();
});

function start(): PoolFiller {
  filler = createPoolFiller({
    ...{ checkouts, repositories, config: () => config, clock: systemClock, log: silentLog },
    room: { shortage: async () => (short ? { message: 'full', fix: 'free' } : undefined), forget: () => undefined },
    recent: async () => used,
    busy: () => busy,
    quietMs: 20,
    firstLookMs: 0,
  });
  return filler;
}
const bases = async (): Promise<string[]> => (await checkouts.pool.list()).map(({ baseSha }) => baseSha);
const settled = (what: string, wanted: () => Promise<boolean>) => until(what, async () => (await wanted()) || undefined);

test('fills up to what is wanted, and follows the base branch once it is told', async () => {
  const running = start();
  const first = await mirror.resolve('main');
  await settled('two to wait', async () => (await bases()).length === 2);
  expect(await bases()).toEqual([first, first]);
  const next = await origin.commit({ 'b.txt': 'b' });
  await mirror.fetch();
  running.wake();
  await settled('both to be brought forward', async () => (await bases()).every((sha) => sha === next));
});

test('makes nothing while somebody waits for the machine, nor while space is short', async () => {
  [busy, short] = [true, true];
  const running = start();
  await systemClock.sleep(300);
  short = false;
  running.wake();
  await systemClock.sleep(700);
  expect(await bases()).toEqual([]);
  busy = false;
  await settled('two to wait', async () => (await bases()).length === 2);
  expect(await running.shrink()).toBe(true);
  expect(await bases()).toEqual([]);
  expect(await running.shrink()).toBe(false);
  running.wake();
  await systemClock.sleep(300);
  expect(await bases()).toEqual([]);
});

test('gives up those of a repository that is not used any more', async () => {
  const running = start();
  await settled('two to wait', async () => (await bases()).length === 2);
  used = [];
  running.wake();
  await settled('none to wait', async () => (await bases()).length === 0);
});
