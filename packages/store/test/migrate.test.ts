import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { migrate } from '../src/migrate.ts';
import { migrations } from '../src/migrations.ts';
import { type TestDatabase, testDatabase } from '../src/testing/database.ts';

let t: TestDatabase;
beforeEach(async () => {
  t = await testDatabase({ migrated: false });
});
afterEach(() => t.stop());

const first = { version: 1, name: 'first', sql: 'create table cyrus.one (n int); insert into cyrus.one values (1)' };
const second = { version: 2, name: 'second', sql: 'alter table cyrus.one add m int' };

test('forward, in order, once', async () => {
  expect(await migrate(t.connection, [first])).toEqual([1]);
  expect(await migrate(t.connection, [second, first])).toEqual([2]);
  expect(await migrate(t.connection, [first, second])).toEqual([]);
  expect((await t.db.query('select n, m from cyrus.one')).rows).toEqual([{ n: 1, m: null }]);
});

test('the real schema applies to an empty database', async () => {
  expect(await migrate(t.connection)).toEqual(migrations.map(({ version }) => version));
  expect((await t.db.query('select version from cyrus.schema_migration')).rowCount).toBe(migrations.length);
});

test('processes that start together apply each once', async () => {
  const program = fileURLToPath(new URL('migrator.ts', import.meta.url));
  const outputs = await Promise.all(
    Array.from({ length: 3 }, async () => {
      const child = spawn(process.execPath, ['--conditions=cyrus-source', program, JSON.stringify(t.connection)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let output = '';
      for await (const chunk of child.stdout) output += String(chunk);
      return JSON.parse(output) as number[];
    }),
  );
  expect(outputs.flat()).toEqual(migrations.map(({ version }) => version));
});

test('a database of a newer program is refused and left as it is', async () => {
  await migrate(t.connection, [first, second]);
  await expect(migrate(t.connection, [first])).rejects.toMatchObject({
    problem: 'newer',
    message: expect.stringMatching(/version 2 \(second\).*newer Cyrus/),
  });
  expect((await t.db.query('select from cyrus.schema_migration')).rowCount).toBe(2);
});

test('an applied migration that reads differently now is refused', async () => {
  await migrate(t.connection, [first]);
  await expect(migrate(t.connection, [{ ...first, sql: `${first.sql};` }])).rejects.toMatchObject({ problem: 'changed' });
});

test('a migration that fails half-way leaves nothing', async () => {
  const broken = { version: 2, name: 'broken', sql: 'create table cyrus.two (); select no_such_thing()' };
  await expect(migrate(t.connection, [first, broken])).rejects.toMatchObject({
    problem: 'failed',
    message: expect.stringContaining('no_such_thing'),
  });
  expect(
    (await t.db.query("select to_regclass('cyrus.one') is not null as one, to_regclass('cyrus.two') is not null as two")).rows,
  ).toEqual([{ one: true, two: false }]);
  expect(await migrate(t.connection, [first, second])).toEqual([2]);
});
