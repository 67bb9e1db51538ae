import { manualClock } from 'cyrus-core/clock';
import type { Input, JobEnd } from 'cyrus-core/domain/effects';
import type { Failure } from 'cyrus-core/failure';
import type { ExecutorHealth } from 'cyrus-executor-interface/executor';
import { silentLog } from 'cyrus-store/log';
import { beginTrial, executorsOut, readCondition } from 'cyrus-store/queries/executor-condition';
import { type TestDatabase, testDatabase } from 'cyrus-store/testing/database';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { noteExecutor } from '../src/advance/executor-news.ts';
import { executorTrouble, startProber } from '../src/prober.ts';

const clock = manualClock(1_700_000_000_000);
let t: TestDatabase;
beforeEach(async () => {
  t = await testDatabase({ time: clock });
});
afterEach(() => t.stop());

const network: Failure = { class: 'network', message: 'It cannot be reached.' };
const auth: Failure = { class: 'auth', message: 'The token is refused.', fix: 'Set another.' };
const agentEnd = (end: Partial<JobEnd>): Input => ({
  seq: 1,
  kind: 'job',
  payload: { jobId: 'j', kind: 'agent', state: 'done', result: null, failure: null, ...end },
});
const succeeded = agentEnd({ result: { result: { state: 'succeeded', output: 'Done.' } } });
const failedWith = (failure: Failure): Input => agentEnd({ result: { result: { state: 'failed', output: '', failure } } });
const note = (id: string, inputs: readonly Input[], ended = false, atWork = false): Promise<void> =>
  t.db.tx((tx) => noteExecutor(tx, { id, executorId: 'codegen', ended, atWork }, inputs, clock.now()));
const condition = () => readCondition(t.db, 'codegen');
const events = async (): Promise<readonly string[]> =>
  (await t.db.query<{ type: string }>(`select type from cyrus.event where type like 'executor.%' order by id`)).rows.map(
    ({ type }) => type,
  );

test('an executor that works has no row; failures in a row open its circuit, one run closes it', async () => {
  await note('a0', [succeeded], true);
  expect(await condition()).toBeNull();
  for (const id of ['a1', 'a2', 'a3']) await note(id, [failedWith(network)]);
  expect(await condition()).toMatchObject({ state: 'ready', failures: 3 });
  await note('a4', [agentEnd({ state: 'failed', failure: network })]);
  expect(await condition()).toMatchObject({ state: 'resting', failures: 4, until: clock.now() + 30_000 });
  expect(await executorTrouble(t.db, new Map([['codegen', {}]]))).toMatch(/^Codegen cannot be reached \(tried again at 20/);
  // One that was taken out of the configuration is in nobody's way.
  expect(await executorTrouble(t.db, new Map([['claude', {}]]))).toBeNull();
  expect(await events()).toEqual(['executor.out']);
  expect((await t.db.query(`select from cyrus.due where id = 'dispatcher:main'`)).rowCount).toBeGreaterThan(0);

  clock.advance(30_000);
  await t.db.tx((tx) => beginTrial(tx, 'codegen', 'a5'));
  await note('a6', [agentEnd({ state: 'killed' })], true);
  expect(await condition()).toMatchObject({ state: 'resting', trial: 'a5' });
  await note('a5', [succeeded]);
  expect(await condition()).toMatchObject({ state: 'ready', failures: 0, trial: null, incident: null });
  expect(await events()).toEqual(['executor.out', 'executor.back']);
  expect(await executorTrouble(t.db, new Map([['codegen', {}]]))).toBeNull();
});

test('a trial that ends before its run, or with its host, leaves it to the next one', async () => {
  for (const id of ['a1', 'a2', 'a3', 'a4']) await note(id, [failedWith(network)]);
  await t.db.tx((tx) => beginTrial(tx, 'codegen', 'a5'));
  await note('a5', [agentEnd({ state: 'lost' })]);
  expect(await condition()).toMatchObject({ trial: 'a5' });
  await note('a5', [{ seq: 2, kind: 'job', payload: { kind: 'prepare', state: 'failed', failure: network } }], true);
  expect(await condition()).toMatchObject({ state: 'resting', trial: null, failures: 4 });
});

test('a trial whose agent is at work has shown enough; another run at work says nothing', async () => {
  for (const id of ['a1', 'a2', 'a3', 'a4']) await note(id, [failedWith(network)]);
  await t.db.tx((tx) => beginTrial(tx, 'codegen', 'a5'));
  await note('a3', [], false, true);
  expect(await condition()).toMatchObject({ state: 'resting', trial: 'a5' });
  await note('a5', [], false, true);
  expect(await condition()).toMatchObject({ state: 'ready', failures: 0 });
  expect(await events()).toEqual(['executor.out', 'executor.back']);
});

test('a parked executor is asked for its health, and given one run when it is well', async () => {
  await note('a1', [failedWith(auth)]);
  expect(await executorsOut(t.db)).toMatchObject([{ executorId: 'codegen', state: 'parked', until: null, fix: 'Set another.' }]);
  let asked = 0;
  const missing: Failure = { class: 'missing_binary', message: 'It is not there.' };
  let health: ExecutorHealth = { state: 'unavailable', detail: 'no', failure: missing };
  const executor = {
    async health() {
      asked += 1;
      return health;
    },
  };
  const prober = startProber({ db: t.db, clock, log: silentLog, executors: new Map([['codegen', executor]]) });
  try {
    // The first look is at once: a start may be the mending.
    await vi.waitFor(() => expect(asked).toBe(1), { timeout: 90_000 });
    await prober.asked;
    expect(await condition()).toMatchObject({ state: 'parked', until: null, reason: 'Codegen is not installed', failure: missing });
    health = { state: 'ready', detail: 'yes' };
    await vi.waitFor(
      async () => {
        clock.advance(30_000);
        expect(await condition()).toMatchObject({ state: 'resting', incident: expect.anything() });
      },
      { timeout: 90_000, interval: 50 },
    );
    const asks = asked;
    const until = (await condition())?.until ?? 0;
    expect(until).toBeLessThanOrEqual(clock.now());

    // The run shows that it is not mended: parked again in the same incident, and asked more rarely.
    await t.db.tx((tx) => beginTrial(tx, 'codegen', 'a2'));
    await note('a2', [failedWith(auth)]);
    expect(await condition()).toMatchObject({ state: 'parked', until: null, failures: 2, trial: null });
    expect(await events()).toEqual(['executor.out']);
    await vi.waitFor(
      async () => {
        clock.advance(30_000);
        expect(asked).toBeGreaterThan(asks);
      },
      { timeout: 90_000, interval: 50 },
    );
  } finally {
    await prober.close();
  }
});

test('where changes cannot be listened to, that is said, and a parked executor is asked all the same', async () => {
  let asked = 0;
  const executor = {
    async health(): Promise<ExecutorHealth> {
      asked += 1;
      return { state: 'ready', detail: 'yes' };
    },
  };
  const deaf = { ...t.db, listen: () => Promise.reject(new Error('no ears')) };
  const warnings: string[] = [];
  const log = { ...silentLog, warn: (fields: object, message: string) => void warnings.push(`${message} ${JSON.stringify(fields)}`) };
  const prober = startProber({ db: deaf, clock, log, executors: new Map([['codegen', executor]]) });
  try {
    await prober.asked;
    await note('a1', [failedWith(auth)]);
    await vi.waitFor(
      () => {
        clock.advance(30_000);
        expect(asked).toBeGreaterThan(0);
      },
      { timeout: 90_000, interval: 50 },
    );
    expect(warnings.join()).toMatch(/are not heard of at once.*no ears/);
  } finally {
    await prober.close();
  }
});
