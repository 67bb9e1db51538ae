import type { Issue } from 'cyrus-core/domain/issue';
import { type ModelStandIn, startModel } from 'cyrus-stand-in-model/server';
import { silentLog } from 'cyrus-store/log';
import { lockBudgets } from 'cyrus-store/queries/budget-load';
import { costGroups, costReport } from 'cyrus-store/queries/cost-report';
import { beginAnalysis, dropAnalysis } from 'cyrus-store/queries/task-analysis';
import { type TestDatabase, testDatabase } from 'cyrus-store/testing/database';
import { analysisKey } from 'cyrus-task-orchestrator/refine-analysis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { taskAnalysis } from '../src/advance/task-analysis.ts';
import { createAnalyst } from '../src/jobs/ask-analysis.ts';
import { createBudgetRules } from '../src/money/budget-rules.ts';
import { configOf } from './support/config.ts';
import { until } from './support/until.ts';

const model = 'claude-haiku-4-5';
let database: TestDatabase;
let service: ModelStandIn;
beforeEach(async () => {
  [database, service] = await Promise.all([testDatabase(), startModel({ apiKeys: ['key'] })]);
  await database.db.query(`insert into cyrus.issue (id, workspace, identifier, title) values ('i1', 'w', 'ENG-1', 'Talk to it')`);
});
afterEach(() => Promise.all([database.stop(), service.close()]));

const says = (input: object, more: object = {}): string =>
  `SCRIPT:${JSON.stringify([{ tool: 'task_analysis', input, usage: { input_tokens: 500, cache_read_input_tokens: 0, cache_creation_input_tokens: 0, output_tokens: 60 }, ...more }])}`;
const large = { complexity: 'high', requires_parallel_execution: true, reason: 'It needs a new protocol.' };
const issue = (description: string, labels: readonly string[] = []): Issue =>
  ({ id: 'i1', workspace: 'w', identifier: 'ENG-1', title: 'Talk to it', description, url: null, details: { labels } }) as unknown as Issue;
const config = (over: object = {}) =>
  configOf({ claude: { apiUrl: service.url, apiKey: 'key' }, analysis: { model }, repositories: [{ id: 'app', remoteUrl: 'x' }], ...over });

async function asked(about: Issue, over: object = {}): Promise<void> {
  const rules = createBudgetRules(() => config(over));
  await createAnalyst({ db: database.db, config: () => config(over), rules })(about, new AbortController().signal, silentLog);
}
const takenFor = (about: Issue, over: object = {}) =>
  database.db.tx((tx) =>
    taskAnalysis(
      tx,
      config(over),
      { plan: { repositoryId: 'app', procedure: 'builder' } as never, issue: about, messages: [] },
      {
        task: { isNew: true } as never,
        issue: null,
        newMessages: [],
      },
    ),
  );
const spent = async (): Promise<Readonly<Record<string, number>>> => {
  const { rows } = await database.db.query<{ scope: string; spent: number }>('select scope, spent from cyrus.budget where spent <> 0');
  return Object.fromEntries(rows.map((row) => [row.scope, row.spent]));
};
/** What the report has of it, in every grouping the same: `[cost, of it analysis, of it worst case]`. */
const reported = async (): Promise<readonly number[]> => {
  const totals = await Promise.all(costGroups.map(async (by) => (await costReport(database.db, by, 0)).total));
  for (const total of totals) expect(total).toEqual(totals[0]);
  return totals.slice(0, 1).flatMap(({ cost, analysis, worstCase }) => [cost, analysis, worstCase]);
};
const calls = (): number => service.requests().filter(({ path }) => path.startsWith('/v1/messages')).length;

test('a model is asked once for each text; what it says refines the rules; what it cost is booked', async () => {
  const about = issue(says(large));
  await asked(about);
  expect(await takenFor(about)).toMatchObject({
    complexity: 'high',
    requiresParallelExecution: true,
    refinedBy: model,
    reasons: expect.arrayContaining([`${model}: high, parts side by side, It needs a new protocol.`]),
  });
  // 500 tokens in for $1 a million, 60 out for $5.
  expect(await spent()).toEqual({ month: 800, day: 800, issue: 800 });
  expect(await reported()).toEqual([800, 800, 0]);
  await asked(about);
  expect(calls()).toBe(1);
  await asked(issue(`${says(large)} now with more`));
  expect(calls()).toBe(2);
  expect(service.requests().at(-1)?.tools).toEqual(['task_analysis']);
});

test('what people say of the size stands', async () => {
  const about = issue(says(large), ['good first issue']);
  await asked(about);
  expect(await takenFor(about)).toMatchObject({ complexity: 'low', refinedBy: model });
});

test.each<[string, string, Readonly<Record<string, number>>]>([
  ['refuses', says(large, { error: 400 }), {}],
  ['answers something else', says({ complexity: 'enormous' }), { month: 800, day: 800, issue: 800 }],
  [
    'answers with words',
    `SCRIPT:${JSON.stringify([{ text: 'I cannot tell.', usage: { input_tokens: 500, cache_read_input_tokens: 0, cache_creation_input_tokens: 0, output_tokens: 60 } }])}`,
    { month: 800, day: 800, issue: 800 },
  ],
])('the rules stand when it %s; only what may have been billed is booked', async (_name, description, booked) => {
  const about = issue(description);
  await asked(about);
  expect(calls()).toBe(1);
  expect(await takenFor(about)).toMatchObject({ refinedBy: null });
  expect(await spent()).toEqual(booked);
  const { day = 0 } = booked;
  expect(await reported()).toEqual([day, day, 0]);
});

test('an answer that did not come counts with its worst case', async () => {
  await asked(issue(says(large, { error: 529 })));
  const { day = 0, month } = await spent();
  expect(day).toBeGreaterThan(1_000);
  expect(month).toBe(day);
  expect(await reported()).toEqual([day, day, day]);
});

test.each<[string, object]>([
  ['it is not configured', { analysis: undefined }],
  ['there is no key of ours', { claude: { apiUrl: 'http://127.0.0.1:9', auth: 'ownLogin' } }],
  ['it might cost more than it may', { analysis: { model, maxCostUsd: 0.0001 } }],
  ['nothing may be spent today', { budgets: { perDayUsd: 0 } }],
])('nobody is asked when %s', async (_name, over) => {
  const given = Object.fromEntries(Object.entries(over).filter(([, value]) => value !== undefined));
  const about = issue(says(large));
  if ('analysis' in over && over.analysis === undefined) {
    const bare = configOf({ claude: { apiUrl: service.url, apiKey: 'key' } });
    await createAnalyst({ db: database.db, config: () => bare, rules: createBudgetRules(() => bare) })(
      about,
      new AbortController().signal,
      silentLog,
    );
  } else await asked(about, given);
  expect(calls()).toBe(0);
  expect(await spent()).toEqual({});
  expect((await database.db.query('select from cyrus.task_analysis')).rowCount).toBe(0);
  expect(await reported()).toEqual([0, 0, 0]);
});

test('a service that is not there costs nothing, and may be asked again', async () => {
  const about = issue(says(large));
  const gone = await startModel();
  await gone.close();
  await asked(about, { claude: { apiUrl: gone.url, apiKey: 'key' } });
  expect(await spent()).toEqual({});
  expect(await reported()).toEqual([0, 0, 0]);
  await asked(about);
  expect(await takenFor(about)).toMatchObject({ complexity: 'high' });
});

test('a model whose price nobody knows is charged with the most it may cost, as an estimate', async () => {
  await asked(issue(says(large)), { analysis: { model: 'nobody-knows-it', maxCostUsd: 0.01 } });
  expect(await spent()).toEqual({ month: 10_000, day: 10_000, issue: 10_000 });
  const { total } = await costReport(database.db, 'model', 0);
  expect(total).toMatchObject({ cost: 10_000, estimated: 10_000, analysis: 10_000, unpriced: 0 });
});

test('a monthly credit pays for it: no budget counts it, the report says so', async () => {
  const over = { claude: { apiUrl: service.url, apiKey: 'key', billing: { credit: { monthlyUsd: 5 } } } };
  await asked(issue(says(large)), over);
  expect(await spent()).toEqual({ credit: 800 });
  expect((await costReport(database.db, 'model', 0)).total).toMatchObject({ cost: 0, covered: 800 });
});

/** Rows of a look are locked before budgets: the other way round these two would wait for each other. */
test('a look that begins waits for another at the same text without holding the budgets that the other one needs', async () => {
  const about = issue(says(large));
  const rules = createBudgetRules(() => config());
  const place = { taskId: '', issueId: 'i1', repositoryId: '', executorId: 'claude', billing: 'list' as const };
  const contentHash = analysisKey(model, about);
  let second: Promise<void> | undefined;
  await database.db.tx(async (tx) => {
    await beginAnalysis(tx, { contentHash, model });
    second = asked(about);
    await until('the second waits for the first', async () => {
      const { rowCount } = await database.db.query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like '%cyrus.task_analysis%'`,
      );
      return rowCount > 0 ? true : undefined;
    });
    // There is no money for it: it takes back that it has begun.
    await lockBudgets(tx, rules, [place]);
    await dropAnalysis(tx, contentHash);
  });
  await second;
  expect(await takenFor(about)).toMatchObject({ refinedBy: model });
  expect(await reported()).toEqual([800, 800, 0]);
});
