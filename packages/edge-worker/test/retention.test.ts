import { mkdtemp, open, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from 'cyrus-core/clock';
import { checkConfig } from 'cyrus-core/config/parse';
import { retire } from 'cyrus-edge-worker/retention/retire';
import { boundLog, removeStaleFiles } from 'cyrus-edge-worker/retention/stale-files';
import { saveReconcileMark } from 'cyrus-store/queries/reconcile-mark';
import { type TestDatabase, testDatabase } from 'cyrus-store/testing/database';
import { afterEach, beforeEach, expect, test } from 'vitest';

const dayMs = 24 * 3_600_000;
const days = { arrivalsDays: 30, messagesDays: 7, writesDays: 30, jobsDays: 30, eventsDays: 90 };

let database: TestDatabase;
beforeEach(async () => {
  database = await testDatabase();
});
afterEach(() => database.stop());

const count = async (table: string, where = 'true'): Promise<number> =>
  (await database.db.query<{ n: number }>(`select count(*) as n from cyrus.${table} where ${where}`)).rows[0]?.n ?? -1;

const forget = (retention = days) => retire({ db: database.db, clock: systemClock, retention, signal: new AbortController().signal });

/** An issue with a session, a closed turn, a plan that ended and one that lives, each with a task and an attempt. */
async function people(): Promise<void> {
  await database.db.query(`
    insert into cyrus.issue (id, workspace, identifier, title) values ('i', 'w', 'ENG-1', 't'), ('j', 'w', 'ENG-2', 't');
    insert into cyrus.session (id, source, workspace, issue_id) values ('s', 'linear', 'w', 'i');
    insert into cyrus.turn (id, session_id, state, opened_by) values ('closed', 's', 'closed', 'm'), ('open', 's', 'open', 'm');
    insert into cyrus.plan (id, issue_id, number, state, procedure, repository_id, branch, ended_at)
      values ('ended', 'i', 1, 'done', 'builder', 'r', 'b', now() - interval '100 days'),
             ('fresh', 'i', 2, 'done', 'builder', 'r', 'b', now() - interval '1 day'),
             ('live', 'j', 1, 'running', 'builder', 'r', 'b', null);
    insert into cyrus.task (id, plan_id, key, procedure, prompt) select 't-' || id, id, 'k', 'builder', 'p' from cyrus.plan;
    insert into cyrus.attempt (id, task_id, plan_id, number, executor_id) select 'a-' || plan_id, id, plan_id, 1, 'e' from cyrus.task;`);
}

test('a hundred thousand rows that are over go in batches while others write, and what is not over stays', async () => {
  const { db } = database;
  await people();
  const each = 20_000;
  await db.query(`
    insert into cyrus.inbox (source, body_sha256, event_key, event, body, received_at)
      select 'linear', 'sha-' || n, 'key-' || n, 'e', '{}', now() - interval '31 days' from generate_series(1, ${each}) n;
    insert into cyrus.input (entity, kind, read_at) select 'plan:ended', 'k', now() - interval '8 days' from generate_series(1, ${each});
    insert into cyrus.outbound_write (id, key, credential, lane, priority, kind, payload, state, plan_id, created_at, sent_at)
      select gen_random_uuid(), 'w-' || n, 'linear:w', 's', 1, 'activity', '{}', 'sent', 'ended', now() - interval '40 days', now() - interval '40 days'
      from generate_series(1, ${each}) n;
    insert into cyrus.host_job (id, kind, state, notify, plan_id, ended_at)
      select 'job-' || n, 'agent', 'done', 'x', 'ended', now() - interval '31 days' from generate_series(1, ${each}) n;
    insert into cyrus.job_message (job_id, n, body) select 'job-' || n, 1, 'b' from generate_series(1, 100) n;
    insert into cyrus.event (number, type, plan_id, attempt_id, attempt_seq, at)
      select n, 'message', 'ended', 'a-ended', n, now() - interval '91 days' from generate_series(1, ${each}) n;
    insert into cyrus.charge (attempt_id, seq, model, cost, trust, at)
      select 'a-ended', n, 'm', 1, 'gateway', now() - interval '400 days' from generate_series(1, 100) n`);
  // What must stay, of every kind.
  await db.query(`
    insert into cyrus.inbox (source, body_sha256, event_key, event, body, received_at) values ('linear', 'new', 'new', 'e', '{}', now() - interval '29 days');
    insert into cyrus.input (entity, kind, read_at, at) values ('plan:live', 'k', null, now() - interval '400 days'), ('plan:live', 'k', now(), now());
    insert into cyrus.outbound_write (id, key, credential, lane, priority, kind, payload, state, plan_id, turn_id, created_at, sent_at) values
      (gen_random_uuid(), 'of-live-plan', 'c', 'l', 1, 'k', '{}', 'sent', 'live', null, now() - interval '400 days', now() - interval '400 days'),
      (gen_random_uuid(), 'of-open-turn', 'c', 'l', 1, 'k', '{}', 'sent', null, 'open', now() - interval '400 days', now() - interval '400 days'),
      (gen_random_uuid(), 'waiting', 'c', 'l', 1, 'k', '{}', 'queued', 'ended', null, now() - interval '400 days', null),
      (gen_random_uuid(), 'recent', 'c', 'l', 1, 'k', '{}', 'sent', 'ended', null, now() - interval '40 days', now());
    insert into cyrus.host_job (id, kind, state, notify, plan_id, ended_at) values
      ('of-live-plan', 'agent', 'done', 'x', 'live', now() - interval '400 days'), ('running', 'agent', 'running', 'x', null, null);
    insert into cyrus.event (number, type, plan_id, attempt_id, attempt_seq, at) values
      (1000001, 'message', 'live', 'a-live', 1, now() - interval '400 days'),
      (1000002, 'message', 'fresh', 'a-fresh', 1, now() - interval '400 days'),
      (null, 'message', 'ended', 'a-ended', 999999, now() - interval '400 days')`);
  await saveReconcileMark(db, 'w', Date.now() - 400 * dayMs);
  await db.query(`update cyrus.inbox set received_at = now() - interval '400 days' where source = 'reconciler'`);

  // Somebody who writes meanwhile waits for nobody.
  let longestMs = 0;
  let writes = 0;
  let done = false;
  const writing = (async () => {
    while (!done) {
      const began = performance.now();
      await db.tx(async (tx) => {
        // Waiting for somebody else's lock is an error; a slow machine is none.
        await tx.query(`set local lock_timeout = '2s'`);
        await tx.query(`insert into cyrus.inbox (source, body_sha256, event, body) values ('linear', $1, 'e', '{}')`, [
          `meanwhile-${writes}`,
        ]);
      });
      longestMs = Math.max(longestMs, performance.now() - began);
      writes++;
    }
  })();
  const began = performance.now();
  const gone = await forget();
  done = true;
  await writing;
  console.info(
    `${each * 5} rows in ${Math.round(performance.now() - began)} ms; ${writes} inserts meanwhile, the slowest ${Math.round(longestMs)} ms`,
  );

  expect(gone).toEqual({ events: each, messages: each, writes: each, jobs: each, arrivals: each });
  expect(await count('inbox', `body_sha256 = 'new' or source = 'reconciler'`)).toBe(2);
  expect(await count('inbox')).toBe(2 + writes);
  expect(await count('input')).toBe(2);
  expect(await count('outbound_write')).toBe(4);
  expect(await count('host_job')).toBe(2);
  expect(await count('job_message')).toBe(0);
  expect(await count('event')).toBe(3);
  expect(await count('charge')).toBe(100);
  expect(await count('plan')).toBe(3);
  expect(await forget()).toEqual({});
});

test('days are those of the configuration', async () => {
  await database.db.query(`
    insert into cyrus.inbox (source, body_sha256, event, body, received_at) values ('linear', 'a', 'e', '{}', now() - interval '3 days');
    insert into cyrus.input (entity, kind, read_at) values ('x', 'k', now() - interval '3 days')`);
  expect(await forget()).toEqual({});
  expect(await forget({ ...days, arrivalsDays: 2 })).toEqual({ arrivals: 1 });
  expect(await forget({ ...days, messagesDays: 0 })).toEqual({ messages: 1 });
});

test('what a model said of a text is forgotten, what it cost is not', async () => {
  await people();
  await database.db.query(`
    insert into cyrus.task_analysis (content_hash, model, answer, at) values
      ('old', 'm', '{}', now() - interval '91 days'), ('new', 'm', '{}', now());
    insert into cyrus.charge (issue_id, model, cost, price, trust, at) values ('i', 'm', 5, 5, 'gateway', now() - interval '91 days')`);
  expect(await forget()).toEqual({ analyses: 1 });
  expect(await count('task_analysis', `content_hash = 'new'`)).toBe(1);
  expect(await count('charge')).toBe(1);
});

/** What becomes of the rows of each table: a key of `retention` or the words by which the documentation says that they stay or pass. */
const rules: Readonly<Record<string, string>> = {
  inbox: 'arrivalsDays',
  input: 'messagesDays',
  outbound_write: 'writesDays',
  host_job: 'jobsDays',
  job_message: 'jobsDays',
  event: 'eventsDays',
  call_intent: 'eventsDays',
  task_analysis: 'eventsDays',
  ...Object.fromEntries(['issue', 'session', 'turn', 'message'].map((table) => [table, 'issues and what people said in them'])),
  ...Object.fromEntries(['plan', 'plan_message', 'task', 'attempt', 'stop_request'].map((table) => [table, 'plans, tasks, attempts'])),
  ...Object.fromEntries(['decision', 'question', 'conversation'].map((table) => [table, 'decisions, questions'])),
  ...Object.fromEntries(['reservation', 'charge', 'budget', 'budget_raise'].map((table) => [table, 'money'])),
  config_revision: 'revisions of the configuration',
  due: 'deleted as they are served',
  advance_failure: 'deleted as they are served',
  ...Object.fromEntries(['host', 'dispatcher', 'executor_condition', 'rate_window'].map((table) => [table, 'one row for each'])),
};

test('every table has its rule, and the documentation tells it', async () => {
  const { rows } = await database.db.query<{ name: string }>(
    `select tablename as name from pg_tables where schemaname = 'cyrus' and tablename <> 'schema_migration'`,
  );
  expect(Object.keys(rules).sort()).toEqual(rows.map(({ name }) => name).sort());
  const documented = await readFile(new URL('../../../docs/operations.md', import.meta.url), 'utf8');
  expect([...new Set(Object.values(rules))].filter((words) => !documented.replace(/\s+/g, ' ').includes(words))).toEqual([]);
});

test('an arrival may not be forgotten sooner than two days after it came, and the mistake is explained', () => {
  const parsed = checkConfig({ retention: { arrivalsDays: 1 } });
  expect(parsed.ok).toBe(false);
  expect(JSON.stringify(parsed)).toMatch(/retention\.arrivalsDays/);
});

test('files of attempts that nobody has written to for long go', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'cyrus-stale-'));
  try {
    await writeFile(join(directory, 'old.ndjson'), 'twelve bytes');
    await writeFile(join(directory, 'new.ndjson'), 'new');
    const longAgo = new Date(Date.now() - 100 * dayMs);
    await utimes(join(directory, 'old.ndjson'), longAgo, longAgo);
    expect(await removeStaleFiles(directory, Date.now() - 90 * dayMs)).toEqual({ files: 1, bytes: 12 });
    expect(await readdir(directory)).toEqual(['new.ndjson']);
    expect(await removeStaleFiles(join(directory, 'none'), 0)).toEqual({ files: 0, bytes: 0 });
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('a log that another program appends to is bounded while it writes', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'cyrus-bound-'));
  const path = join(directory, 'postgres.log');
  const writer = await open(path, 'a');
  try {
    await writer.appendFile('x'.repeat(1_000));
    expect(await boundLog(path, 1_000)).toBe(false);
    await writer.appendFile('y');
    expect(await boundLog(path, 1_000)).toBe(true);
    await writer.appendFile('new');
    expect(await readFile(path, 'utf8')).toBe('new');
    expect((await stat(`${path}.1`)).size).toBe(1_001);
    expect(await boundLog(join(directory, 'none'), 1)).toBe(false);
  } finally {
    await writer.close();
    await rm(directory, { recursive: true });
  }
});
