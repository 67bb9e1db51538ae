import { type DumpedSchema, dumpDatabase } from 'cyrus-store/backup/dump';
import { type DumpedPart, loadDatabase } from 'cyrus-store/backup/load';
import { type Migration, migrate } from 'cyrus-store/migrate';
import { migrations } from 'cyrus-store/migrations';
import { type TestDatabase, testDatabase } from 'cyrus-store/testing/database';
import { afterEach, expect, test } from 'vitest';

const open: TestDatabase[] = [];
async function database(migrated: boolean): Promise<TestDatabase> {
  const made = await testDatabase({ migrated });
  open.push(made);
  return made;
}
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

interface Dump {
  readonly schema: DumpedSchema;
  readonly parts: readonly DumpedPart[];
}

async function dump({ connection }: TestDatabase): Promise<Dump> {
  const parts: DumpedPart[] = [];
  let schema: DumpedSchema | undefined;
  await dumpDatabase(connection, {
    async schema(found) {
      schema = found;
    },
    rows: async (table, rows) => void parts.push({ kind: 'rows', table, rows }),
    sequences: async (values) => void parts.push({ kind: 'sequences', values }),
  });
  if (!schema) throw new Error('no schema');
  return { schema, parts };
}

async function* stream(parts: readonly DumpedPart[]): AsyncGenerator<DumpedPart> {
  yield* parts;
}

/** Values that a careless copy would spoil. */
const text = `a"b\\c,(d)\n\t{"x":1}'é💥  `;
async function fill({ db }: TestDatabase): Promise<void> {
  await db.query(`insert into cyrus.issue (id, workspace, identifier, title, description, details) values ('i', 'w', 'E-1', $1, '', $2)`, [
    text,
    JSON.stringify({ deep: [text, null, 1e-7, 12345678901234567890n.toString()], empty: {} }),
  ]);
  await db.query(`
    insert into cyrus.session (id, source, workspace, issue_id) values ('s', 'linear', 'w', 'i');
    insert into cyrus.turn (id, session_id, opened_by) values ('t', 's', 'm');
    insert into cyrus.plan (id, issue_id, number, procedure, repository_id, branch, follows, state) values
      ('p2', 'i', 2, 'builder', 'r', 'b', null, 'running'), ('p1', 'i', 1, 'builder', 'r', 'b', null, 'done');
    update cyrus.plan set follows = 'p1' where id = 'p2';
    insert into cyrus.task (id, plan_id, key, procedure, prompt) values ('k', 'p2', 'k', 'builder', 'p');
    insert into cyrus.attempt (id, task_id, plan_id, number, executor_id) values ('a', 'k', 'p2', 1, 'e');
    insert into cyrus.budget (scope, key, spent) values ('day', '2026-01-02', 9007199254740993);
    insert into cyrus.due (id, at) values ('plan:p2', 'infinity');
    insert into cyrus.input (entity, kind, payload) values ('plan:p2', 'k', 'null');
    insert into cyrus.event (type, plan_id, attempt_id, attempt_seq, payload, at)
      select 'message', 'p2', 'a', n, jsonb_build_object('n', n), '2026-01-02 03:04:05.678901+00' from generate_series(1, 1200) n`);
}

test('every value comes back as it was, sequences go on, references hold', async () => {
  const [from, to] = [await database(true), await database(false)];
  await fill(from);
  const before = await dump(from);
  expect(await loadDatabase(to.connection, before.schema, stream(before.parts))).toMatchObject({ rows: 1211 });
  expect(await dump(to)).toEqual(before);
  const { rows } = await to.db.query<{ id: number }>(`insert into cyrus.event (type) values ('after') returning id`);
  expect(rows[0]?.id).toBe(1201);
  await expect(to.db.query(`insert into cyrus.session (id, source, workspace, issue_id) values ('x', 'l', 'w', 'none')`)).rejects.toThrow(
    /foreign key/,
  );
});

test('one moment is dumped, whatever is written meanwhile', async () => {
  const from = await database(true);
  await fill(from);
  const rows: string[] = [];
  await dumpDatabase(from.connection, {
    schema: async () => void (await from.db.query(`insert into cyrus.event (type) values ('meanwhile')`)),
    rows: async (table, found) => void (table === 'event' && rows.push(...found)),
    sequences: async (values) => expect(values['event_id_seq']).toBeGreaterThanOrEqual(1201),
  });
  expect(rows).toHaveLength(1200);
});

test('rows that lead nowhere are not loaded, and nothing of them stays', async () => {
  const [from, to] = [await database(true), await database(false)];
  await fill(from);
  const { schema, parts } = await dump(from);
  const without = parts.filter((part) => part.kind !== 'rows' || part.table !== 'issue');
  await expect(loadDatabase(to.connection, schema, stream(without))).rejects.toThrow(/violates foreign key/);
  const { rows } = await to.db.query<{ n: number }>('select count(*) as n from cyrus.event');
  expect(rows[0]?.n).toBe(0);
});

test('a database that holds something is refused', async () => {
  const [from, to] = [await database(true), await database(true)];
  await fill(to);
  const { schema, parts } = await dump(from);
  await expect(loadDatabase(to.connection, schema, stream(parts))).rejects.toMatchObject({ problem: 'not_empty' });
});

test('an older dump is brought to the newer schema; a newer one is refused', async () => {
  const next: Migration = {
    version: Math.max(...migrations.map(({ version }) => version)) + 1,
    name: 'next',
    sql: `alter table cyrus.issue add column shout text; update cyrus.issue set shout = upper(workspace)`,
  };
  const [from, to, newer] = [await database(true), await database(false), await database(true)];
  await fill(from);
  const { schema, parts } = await dump(from);
  await loadDatabase(to.connection, schema, stream(parts), [...migrations, next]);
  expect((await to.db.query<{ shout: string }>('select shout from cyrus.issue')).rows).toEqual([{ shout: 'W' }]);

  await migrate(newer.connection, [...migrations, next]);
  const late = await dump(newer);
  const empty = await database(false);
  await expect(loadDatabase(empty.connection, late.schema, stream(late.parts))).rejects.toMatchObject({ problem: 'newer' });
});
