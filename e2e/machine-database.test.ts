import { execFile, spawn } from 'node:child_process';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dataDirectory, postmaster } from './support/database.ts';
import { change, shell } from './support/model.ts';
import { running } from './support/processes.ts';
import { until } from './support/until.ts';
import { World } from './support/world.ts';

let world: World;
beforeAll(async () => {
  world = await World.open();
});
afterAll(() => world?.close());

/** Gives a file to the owner of another. */
const own = (path: string, like: string): Promise<unknown> => promisify(execFile)('chown', ['--reference', like, path]);

test('PostgreSQL is killed and restarted twenty times while issues are worked on: all of them are done, once', async () => {
  const { linear, github, model } = world;
  const titles = ['One', 'Two', 'Three'].map((name) => `${name} through the storm`);
  for (const title of titles) await model.script(title, [shell('sleep 2'), ...change(`${title}.txt`, title, `Done: ${title}.`)]);
  const issues = await Promise.all(titles.map((title) => linear.assign({ title })));
  for (let kills = 0; kills < 20; kills++) {
    const pid = await until('the database to be there', () => postmaster(world));
    // A crash, an orderly end by somebody else, a crash that takes the backends along.
    process.kill(pid, (['SIGKILL', 'SIGINT', 'SIGQUIT'] as const)[kills % 3] ?? 'SIGKILL');
    await until('it to be another', async () => ((await postmaster(world)) ?? pid) !== pid);
  }
  for (const [index, issue] of issues.entries()) {
    expect((await linear.closing(issue)).body).toContain(`Done: ${titles[index]}.`);
    expect(await linear.closings(issue)).toHaveLength(1);
    expect(await github.pulls('app', issue)).toHaveLength(1);
  }
  expect((await fetch(`${world.url}/readyz`)).status).toBe(200);
  expect((await linear.violations()).filter(({ kind }) => kind !== 'no_first_activity' && kind !== 'webhook_timeout')).toEqual([]);
});

test('a start after kill -9 of everything, with a stale pid file that now names another process', async () => {
  const data = await dataDirectory(world);
  const pid = await until('the database', () => postmaster(world));
  const stranger = spawn('sleep', ['600'], { stdio: 'ignore' });
  try {
    await world.service.kill();
    process.kill(pid, 'SIGKILL');
    await until('it to be gone', async () => (await running(` -D ${data} `)).length === 0);
    const file = join(data, 'postmaster.pid');
    await writeFile(file, (await readFile(file, 'utf8')).replace(/^\d+/, String(stranger.pid)));
    await world.start();
    expect((await world.cyrus('status')).stdout).toContain('3 done');
    const second = await world.cyrus('start');
    expect(second.code).toBe(1);
    expect(second.stderr).toContain(String(world.service.pid));
    expect(stranger.exitCode).toBeNull();
  } finally {
    stranger.kill('SIGKILL');
  }
});

const damages: readonly (readonly [string, (data: string) => Promise<unknown>, RegExp])[] = [
  ['pg_control is missing', (data) => rm(join(data, 'global/pg_control')), /damaged.*pg_control.*cyrus restore/s],
  ['pg_control holds nothing', (data) => writeFile(join(data, 'global/pg_control'), Buffer.alloc(8192)), /damaged.*cyrus restore/s],
  ['PG_VERSION is empty', (data) => writeFile(join(data, 'PG_VERSION'), ''), /damaged.*PG_VERSION.*cyrus restore/s],
  ['PG_VERSION is missing', (data) => rm(join(data, 'PG_VERSION')), /damaged.*cyrus restore/s],
  [
    'the log of changes is missing',
    async (data) => {
      await rm(join(data, 'pg_wal'), { recursive: true });
      await mkdir(join(data, 'pg_wal'), { mode: 0o700 });
      await own(join(data, 'pg_wal'), data);
    },
    /damaged.*checkpoint.*cyrus restore/s,
  ],
  ['its tables are missing', (data) => rm(join(data, 'base'), { recursive: true }), /damaged.*cyrus restore/s],
  ['it is another major version’s', (data) => writeFile(join(data, 'PG_VERSION'), '13\n'), /made by PostgreSQL 13.*backup.*DATABASE_URL/s],
];
test('a damaged data directory: what is damaged, what to do; put right, everything is there', async () => {
  const data = await dataDirectory(world);
  await world.service.end();
  const good = `${data}.good`;
  await rename(data, good);
  for (const [what, damage, message] of damages) {
    await promisify(execFile)('cp', ['-a', good, data]);
    await damage(data);
    const ran = await world.cyrus('start', '--json');
    expect({ what, code: ran.code, stderr: ran.stderr }).toEqual({ what, code: 1, stderr: expect.stringMatching(message) });
    expect(ran.stderr).not.toContain('    at ');
    expect(await running(` -D ${data} `)).toEqual([]);
    await rm(data, { recursive: true });
  }
  // Without a backup: an empty one, and that is told.
  await world.start();
  expect((await world.cyrus('status')).stdout).toContain('0 done');
  expect(await readFile(join(world.home, 'logs', 'cyrus.log'), 'utf8')).toContain('the database of this home is not there any more');
  await world.service.end();
  await rm(data, { recursive: true });
  await rename(good, data);
  await world.start();
  expect((await world.cyrus('status')).stdout).toContain('3 done');
});
