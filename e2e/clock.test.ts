import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openWorldDatabase } from './support/database.ts';
import { change, commit, shell, write } from './support/model.ts';
import { type Program, plainEnvironment, startProgram } from './support/program.ts';
import { until } from './support/until.ts';
import { secret, World } from './support/world.ts';

const hourMs = 3_600_000;

/** The database's own clock as a function that a test may set: what is not qualified is looked for in `skew` first. */
const skewedDatabase = `
create schema skew;
create table skew.clock (ms float8 not null);
insert into skew.clock values (0);
create function skew.clock_timestamp() returns timestamptz language sql volatile as
  'select pg_catalog.clock_timestamp() + (select ms from skew.clock) * interval ''1 millisecond''';
do $$ declare r record; begin
  for r in select table_name, column_name from information_schema.columns where table_schema = 'cyrus' and column_default = 'clock_timestamp()' loop
    execute format('alter table cyrus.%I alter column %I set default skew.clock_timestamp()', r.table_name, r.column_name);
  end loop;
end $$;
alter database cyrus set search_path = skew, pg_catalog, public;
`;

let world: World;
let service: Program;
let ahead: string;
beforeAll(async () => {
  world = await World.open();
  const db = await openWorldDatabase(world);
  await db.query(skewedDatabase);
  await db.close();
  await world.service.end();
  ahead = join(world.directory, 'ahead');
  await writeFile(ahead, '0');
  service = await startProgram(
    ['--conditions=cyrus-source', fileURLToPath(new URL('support/skewed-child.ts', import.meta.url)), world.home, ahead],
    {
      environment: plainEnvironment({ CYRUS_STATE_DIR: join(world.directory, 'state') }),
    },
  );
  await world.linear.deliverTo(`${service.ready['url']}/webhooks/linear`, secret);
});
afterAll(async () => {
  await service?.end();
  await world?.close();
});

/** Sets the clock of the machine: the service's and the database's. */
async function setClock(ms: number): Promise<void> {
  const db = await openWorldDatabase(world);
  await db.query('update skew.clock set ms = $1', [ms]);
  await writeFile(ahead, String(ms));
  await db.close();
}

const untilReleased = 'i=0; until [ -e .git/released ] || [ $((i=i+1)) -gt 900 ]; do sleep 0.05; done';

async function begin(title: string): Promise<string> {
  await world.model.script(title, [
    write('part.txt', title),
    commit('Part'),
    shell(untilReleased),
    ...change('rest.txt', title, `Done: ${title}.`),
  ]);
  const issue = await world.linear.assign({ title });
  await until('the agent to be at its command', async () => (await world.model.requestsAbout(title)).length >= 3);
  return issue;
}

async function releaseAll(): Promise<void> {
  for (const checkout of await world.checkouts('work')) await writeFile(join(checkout, '.git', 'released'), '');
}

/** One answer, one pull request, every activity once. */
async function holdOnce(issue: string, title: string): Promise<void> {
  const { linear, github } = world;
  expect((await linear.closing(issue)).body).toContain(`Done: ${title}.`);
  expect(await linear.closings(issue)).toHaveLength(1);
  expect(await github.pulls('app', issue)).toHaveLength(1);
}

test.each([
  ['back an hour', -hourMs],
  ['forward two hours', hourMs],
])('the clock is set %s while agents work and issues come in: all of it is done, once', async (name, ms) => {
  const before = [`Before, ${name}, one`, `Before, ${name}, two`];
  const begun = await Promise.all(before.map(begin));
  // One is on its way in while the clock changes.
  const within = `Within, ${name}`;
  await world.model.script(within, change('within.txt', name, `Done: ${within}.`));
  const [, meanwhile] = await Promise.all([setClock(ms), world.linear.assign({ title: within })]);
  const after = `After, ${name}`;
  await world.model.script(after, change('after.txt', name, `Done: ${after}.`));
  const later = await world.linear.assign({ title: after });
  await releaseAll();
  for (const [index, issue] of begun.entries()) await holdOnce(issue, before[index] ?? '');
  await holdOnce(meanwhile, within);
  await holdOnce(later, after);
  expect((await fetch(`${service.ready['url']}/readyz`)).status).toBe(200);
  expect((await world.linear.violations()).filter(({ kind }) => kind !== 'no_first_activity')).toEqual([]);
});
