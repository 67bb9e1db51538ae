import { manualClock } from 'cyrus-core/clock';
import { strategies } from 'cyrus-core/config/strategies';
import { systemIds } from 'cyrus-core/ids';
import { analysisOf, decisionsOf, type StoredDecision } from 'cyrus-store/queries/decision-list';
import { type TestDatabase, testDatabase } from 'cyrus-store/testing/database';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { advanceDispatcher } from '../src/advance/dispatcher.ts';
import { advancePlan } from '../src/advance/plan.ts';
import { createApi } from '../src/http/api.ts';
import { scriptedExecutors } from './support/agents.ts';
import { Cloud } from './support/cloud.ts';
import { configOf } from './support/config.ts';
import { bestSandbox } from './support/hosts.ts';

const noon = Date.UTC(2026, 0, 15, 12);
let clock = manualClock(noon);
const executors = [...scriptedExecutors(bestSandbox, 'strategies-').values(), new Cloud().executor()];
let database: TestDatabase;
beforeEach(async () => {
  clock = manualClock(noon);
  database = await testDatabase({ time: clock });
  await database.db.query(
    `insert into cyrus.host (id, boot_id, pid, isolation, slots, memory_mb, version) values ('main', 'b', 1, 'bwrap', 2, 4000, 'x')`,
  );
});
afterEach(() => database.stop());

const longText = Array.from({ length: 80 }, (_, index) => `word${index}`).join(' ');

interface Work {
  readonly labels?: readonly string[];
  readonly priority?: string;
  readonly options?: object;
  readonly ruledOut?: readonly object[];
  readonly config?: object;
  readonly unreachable?: string | null;
}

/** One issue on its way to its first attempt, by the real advances. Returns the id of its task. */
async function dispatched(name: string, work: Work = {}): Promise<string> {
  const { db } = database;
  const details = { labels: work.labels ?? ['Feature'], priority: work.priority ?? null, hasChildren: false, hasParent: false };
  await db.query(
    `insert into cyrus.issue (id, workspace, identifier, title, description, details) values ($1, 'w', $1, 'An issue', $2, $3)`,
    [name, longText, JSON.stringify(details)],
  );
  await db.query(
    `insert into cyrus.plan (id, issue_id, number, procedure, repository_id, branch, options) values ($1, $2, 1, 'builder', 'app', 'cyrus/x', $3)`,
    [`plan-${name}`, name, JSON.stringify(work.options ?? {})],
  );
  await advanced(`plan-${name}`, work);
  const { rows } = await db.query<{ id: string }>('select id from cyrus.task where plan_id = $1', [`plan-${name}`]);
  const id = rows[0]?.id ?? '';
  if (work.ruledOut) await db.query('update cyrus.task set ruled_out = $2 where id = $1', [id, JSON.stringify(work.ruledOut)]);
  await dispatch(work);
  return id;
}

const options = ({ config = {}, unreachable = null }: Work) => ({
  config: () => configOf({ executor: 'scripted', repositories: [{ id: 'app', remoteUrl: 'https://host/app' }], ...config }),
  executors: () => executors,
  unreachable: () => unreachable,
});

const advanced = (plan: string, work: Work): Promise<void> =>
  database.db.tx((tx) => advancePlan({ ...options(work), noPullRequest: () => null, random: () => 0.5 }).run(tx, plan, clock.now()));
/** As the engine does it: what was due is taken first. */
const dispatch = (work: Work = {}): Promise<void> =>
  database.db.tx(async (tx) => {
    await tx.query(`delete from cyrus.due where id = 'dispatcher:main'`);
    await advanceDispatcher(options(work)).run(tx, 'main', clock.now());
  });

const decisions = (task: string): Promise<readonly StoredDecision[]> => decisionsOf(database.db, task);
const waits = async (task: string): Promise<readonly string[]> =>
  (
    await database.db.query<{ reason: string }>(
      `select payload ->> 'reason' as reason from cyrus.event where task_id = $1 and type = 'task.waiting' order by id`,
      [task],
    )
  ).rows.map(({ reason }) => reason);

const expected: Readonly<Record<(typeof strategies)[number], readonly [string, RegExp]>> = {
  'local-only': ['scripted', /^the default executor$/],
  'cloud-only': ['sky', /^cloud-only: all work goes to the cloud$/],
  'hybrid-smart': ['sky', /^hybrid-smart: larger changes go to the cloud$/],
  'hybrid-parallel': ['sky', /^hybrid-parallel: execution goes to the cloud$/],
  'cost-optimized': ['scripted', /^cost-optimized: the cheapest, about \$0\.60$/],
};

test.each(strategies)('the same issue under %s', async (strategy) => {
  const task = await dispatched('ENG-1', { config: { strategy } });
  const [executor, reason] = expected[strategy];
  const [decision, ...more] = await decisions(task);
  expect(more).toEqual([]);
  expect(decision).toMatchObject({ number: 1, executorId: executor, strategy, state: 'reserved', cost: null });
  expect(decision?.reason).toMatch(reason);
  // What was thought of it is kept with it, and what else there was, with what that would have taken.
  expect(decision?.analysis).toMatchObject({
    type: 'builder',
    complexity: 'medium',
    reasons: ['builder: its label says so', 'medium: 82 words'],
  });
  expect(await analysisOf(database.db, task)).toEqual(decision?.analysis);
  expect(decision?.estimate).toMatchObject({ from: 'usual for work of medium size', cost: { p50: 600_000, p90: 2_000_000 } });
  const other = executor === 'sky' ? 'scripted' : 'sky';
  expect(decision?.alternatives).toMatchObject([{ executorId: other, estimate: { durationMs: { p50: expect.any(Number) } } }]);
  const { rows } = await database.db.query('select executor_id, slots, memory_mb from cyrus.reservation');
  expect(rows).toEqual([
    executor === 'sky' ? { executor_id: 'sky', slots: 0, memory_mb: 0 } : { executor_id: 'scripted', slots: 1, memory_mb: 400 },
  ]);
  const { rows: told } = await database.db.query<{ payload: object }>(`select payload from cyrus.input where kind = 'attempt_created'`);
  expect(told).toMatchObject([{ payload: { executorId: executor, reason: decision?.reason } }]);
});

test('a rule of the user’s own comes before the strategy, by a label of the issue', async () => {
  const rules = [{ when: { labels: 'sensitive' }, use: 'local', only: true, reason: 'sensitive work stays here' }];
  const config = { strategy: 'cloud-only', orchestrationStrategy: { rules } };
  const kept = await dispatched('ENG-1', { config, labels: ['Sensitive'] });
  expect(await decisions(kept)).toMatchObject([{ executorId: 'scripted', reason: 'sensitive work stays here' }]);
  const sent = await dispatched('ENG-2', { config });
  expect(await decisions(sent)).toMatchObject([{ executorId: 'sky' }]);
});

test('cloud-only waits for its cloud, says until when, is woken then, and one run finds out whether it works again', async () => {
  const config = { strategy: 'cloud-only' };
  const { db } = database;
  await db.query(
    `insert into cyrus.executor_condition (executor_id, state, reason, until) values ('sky', 'resting', 'it answers 503', to_timestamp($1::float8 / 1000))`,
    [clock.now() + 60_000],
  );
  const first = await dispatched('ENG-1', { config });
  const second = await dispatched('ENG-2', { config });
  expect(await decisions(first)).toEqual([]);
  expect(await waits(first)).toEqual(['Waiting until 12:01 UTC: sky: resting until 12:01 UTC (it answers 503). It goes on by itself.']);
  const { rows } = await db.query<{ at: number }>(`select at from cyrus.due where id = 'dispatcher:main' and at > $1::timestamptz`, [
    new Date(clock.now()).toISOString(),
  ]);
  expect(rows.map(({ at }) => at)).toContain(clock.now() + 60_000);
  clock.advance(60_000);
  await dispatch({ config });
  expect(await decisions(first)).toMatchObject([{ executorId: 'sky' }]);
  expect(await decisions(second)).toEqual([]);
  expect((await waits(second)).at(-1)).toBe('Waiting: sky: resting (one run is finding out whether it works again). It goes on by itself.');
  const { rows: trial } = await db.query<{ trial: string }>('select trial from cyrus.executor_condition');
  const { rows: attempts } = await db.query<{ id: string }>('select id from cyrus.attempt');
  expect(trial).toEqual([{ trial: attempts[0]?.id }]);
});

test('a task is not given back to who failed at it, nor sent where its repository is not', async () => {
  const smart = { strategy: 'hybrid-smart' };
  const failed = await dispatched('ENG-1', { config: smart, ruledOut: [{ executorId: 'sky', why: 'it failed there twice', until: null }] });
  expect(await decisions(failed)).toMatchObject([
    {
      executorId: 'scripted',
      reason: 'hybrid-smart: larger changes go to the cloud; sky cannot take this: it failed there twice',
      alternatives: [{ executorId: 'sky', possible: false, why: 'it failed there twice' }],
    },
  ]);
  const kept = await dispatched('ENG-2', { config: smart, unreachable: 'the repository has no remote' });
  expect(await decisions(kept)).toMatchObject([{ executorId: 'scripted', alternatives: [{ why: 'the repository has no remote' }] }]);
});

test('what ran here before makes the estimate; caps of the repository hold', async () => {
  const config = { repositories: [{ id: 'app', remoteUrl: 'https://host/app', maxParallelTasks: 1 }] };
  const first = await dispatched('ENG-1', { config });
  const held = await dispatched('ENG-2', { config });
  expect(await decisions(held)).toEqual([]);
  expect((await waits(held))[0]).toContain('one task runs at once in this repository');
  await database.db.query(
    `update cyrus.attempt set state = 'succeeded', started_at = clock_timestamp() - interval '2 minutes', ended_at = clock_timestamp()
     where task_id = $1`,
    [first],
  );
  await database.db.query(
    `insert into cyrus.charge (attempt_id, model, cost, price, trust) select id, 'm', 100000, 100000, 'agent' from cyrus.attempt where task_id = $1`,
    [first],
  );
  await database.db.query('update cyrus.reservation set released_at = clock_timestamp()');
  await dispatch({ config });
  expect(await decisions(held)).toMatchObject([
    { executorId: 'scripted', estimate: { from: 'like 1 finished here before', cost: { p50: 475_000 }, durationMs: { p50: 480_000 } } },
  ]);
});

test('the API tells every decision of a task', async () => {
  const task = await dispatched('ENG-1', { config: { strategy: 'hybrid-smart' }, priority: 'Urgent' });
  const api = createApi({
    db: database.db,
    ingest: { say: () => Promise.reject(new Error('nobody speaks')) },
    ids: systemIds,
    token: () => 'secret',
  });
  const get = (path: string): Response | Promise<Response> => api.request(path, { headers: { authorization: 'Bearer secret' } });
  const answer = await get('/tasks/ENG-1/decisions');
  expect(answer.status).toBe(200);
  expect(await answer.json()).toMatchObject({
    task: { taskId: task, identifier: 'ENG-1' },
    analysis: { urgency: 'high', reasons: expect.arrayContaining(['urgent: priority Urgent']) },
    decisions: [{ executorId: 'sky', strategy: 'hybrid-smart', alternatives: [{ executorId: 'scripted', possible: true }] }],
  });
  expect((await get('/tasks/ENG-9/decisions')).status).toBe(404);
  expect((await api.request('/tasks/ENG-1/decisions')).status).toBe(401);
});
