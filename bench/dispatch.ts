import { systemClock } from 'cyrus-core/clock';
import { configSchema } from 'cyrus-core/config/schema';
import { createDispatchReader, type DispatcherOptions } from 'cyrus-edge-worker/advance/dispatch-state';
import { advanceDispatcher } from 'cyrus-edge-worker/advance/dispatcher';
import { testDatabase } from 'cyrus-store/testing/database';
import { type DispatchState, decideDispatch } from 'cyrus-task-orchestrator/decide-dispatch';
import { cloud, local } from '../packages/task-orchestrator/test/support/facts.ts';
import type { Claim, Measure } from './support/measure.ts';
import { insertReadyTasks } from './support/ready-tasks.ts';
import { percentile } from './support/statistics.ts';

const tasks = 5_000;
const repositories = 50;

/**
 * One dispatch decision over 5,000 ready tasks, with every place taken and with two that are free; and one pass of the dispatcher, which
 * reads them all, decides, and has nothing to tell. Floors: those tasks put in order, and their ids read, by bare statements.
 */
export const measure: Claim = async ({ samples, say }) => {
  const count = samples(200);
  const stored = await testDatabase();
  try {
    const { db } = stored;
    await insertReadyTasks(db, tasks, repositories);
    const config = configSchema.parse({
      strategy: 'hybrid-smart',
      executors: { near: { command: 'true' }, far: { command: 'true', maxParallel: 2 } },
      budgets: { perDayUsd: 10_000, perIssueUsd: 20 },
      repositories: Array.from({ length: repositories }, (_, n) => ({ id: `repository-${n}`, remoteUrl: 'https://host/app' })),
    });
    const executors = [local('claude'), local('near'), cloud('far')];
    const options: DispatcherOptions = { config: () => config, executors: () => executors, unreachable: () => null };
    const advance = advanceDispatcher(options);
    const pass = (): Promise<void> => db.tx(async (tx) => advance.run(tx, 'main', await tx.now()));
    const plainPass = (): Promise<unknown> =>
      db.tx((tx) =>
        tx.query(`select t.id from cyrus.task t join cyrus.plan p on p.id = t.plan_id where t.state = 'ready' order by p.created_at`),
      );

    say(`${tasks} tasks of ${repositories} repositories; the first pass tells each that it waits`);
    await pass();
    await db.query('vacuum analyze');
    const state = await db.tx(async (tx) => (await createDispatchReader(options)(tx, await tx.now())).state);
    const free: DispatchState = { ...state, slots: { ...state.slots, used: 0 }, memoryMb: { ...state.memoryMb, used: 0 } };
    const decide = (of: DispatchState) => decideDispatch(of, systemClock.now());
    const begun = decide(free).assignments.length;
    if (decide(state).waiting.length !== tasks || begun !== 2) throw new Error(`not what was to be measured: ${begun} tasks began`);

    const rows: Measure[] = [];
    const add = (name: string, values: readonly number[], floors: readonly number[], atMost: number | null): void => {
      for (const [percent, target] of [[50, null] as const, [99, atMost] as const])
        rows.push({
          name: `dispatch/${name}-p${percent}`,
          value: percentile(values, percent / 100),
          unit: 'ms',
          floor: percentile(floors, percent / 100),
          target: target === null ? null : { of: 'value', atMost: target },
          samples: values.length,
        });
    };
    const inOrder = (): unknown => [...state.ready].sort((a, b) => a.readySince - b.readySince || (a.taskId < b.taskId ? -1 : 1));
    const decisions = await timed(2 * count, async (n) => decide(n % 2 === 0 ? state : free));
    add('decision', decisions, await timed(2 * count, async () => inOrder()), 5);
    const passes = Math.ceil(count / 4);
    add('pass', await timed(passes, pass), await timed(passes, plainPass), null);
    return rows;
  } finally {
    await stored.stop();
  }
};

/** How long each of `count` calls took, in milliseconds; a few before them are not counted. */
async function timed(count: number, call: (n: number) => Promise<unknown>): Promise<readonly number[]> {
  const took: number[] = [];
  for (let n = -5; n < count; n++) {
    const started = performance.now();
    await call(n + 5);
    if (n >= 0) took.push(performance.now() - started);
  }
  return took;
}
