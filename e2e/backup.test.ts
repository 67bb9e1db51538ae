import { chmod, mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { textOf } from './support/linear.ts';
import { change, commit, shell, write } from './support/model.ts';
import { until } from './support/until.ts';
import { World } from './support/world.ts';

// A machine under load is five times slower.
vi.setConfig({ testTimeout: 150_000 });

let world: World;
beforeAll(async () => {
  world = await World.open();
});
afterAll(() => world?.close());

const backupFile = (): string => join(world.directory, 'cyrus.backup');

/** Everything of the installation but the backup: the home, and where the database is when root runs it. */
async function destroy(): Promise<void> {
  await world.service.kill();
  await endDatabase();
  await rm(world.home, { recursive: true, force: true });
  await rm(join(world.directory, 'state'), { recursive: true, force: true });
}

test('work in flight, a backup, the home destroyed, restored and started: the work ends, and nothing happens twice', async () => {
  const { linear, github, model } = world;
  await model.script('Done before', change('before.txt', 'before', 'Done before the backup.'));
  const done = await linear.assign({ title: 'Done before' });
  await linear.closing(done);
  await model.script('In flight', [
    write('first.txt', 'first'),
    commit('First half'),
    shell('i=0; until [ -e /tmp/never ] || [ $((i=i+1)) -gt 600 ]; do sleep 0.1; done'),
    { text: 'never' },
  ]);
  const flying = await linear.assign({ title: 'In flight' });
  await until('the agent to be at work', async () => (await model.requestsAbout('In flight')).length >= 3);

  const ran = await world.cyrus('backup', backupFile(), '--json');
  expect(ran.stderr).toMatch(/^database: \d+ rows/m);
  expect(ran.stderr).toMatch(/not in it, keep these elsewhere: linear\.token, linear\.webhookSecret, github\.token, claude\.apiKey/);
  expect(ran.code).toBe(0);
  const summary = JSON.parse(ran.stdout) as { readonly rows: number; readonly bytes: number };
  expect((await stat(backupFile())).mode & 0o777).toBe(0o600);
  console.info(`a backup of ${summary.rows} rows: ${summary.bytes} bytes\n${ran.stderr}`);
  expect((await linear.activities(flying)).length).toBeGreaterThan(0);

  const config = await readFile(join(world.home, 'config.json'), 'utf8');
  await destroy();
  // Said while nothing is there.
  await linear.say(done, 'Now one more thing.');
  await model.script('Done before', change('after.txt', 'after', 'And one more.'), 'one more thing');

  const restored = await world.cyrus('restore', backupFile());
  expect(`${restored.stderr}${restored.stdout}`).toMatch(/is as it was at .*\. Start it with: cyrus start/);
  expect(restored.code).toBe(0);
  const kept = JSON.parse(await readFile(join(world.home, 'config.json'), 'utf8')) as Record<string, Record<string, unknown>>;
  expect(kept['linear']).toEqual({ apiUrl: linear.graphqlUrl });
  expect(await readdir(world.home)).not.toContain('restore-unfinished');
  await writeFile(join(world.home, 'config.json'), config, { mode: 0o600 });

  await model.script('In flight', change('second.txt', 'second', 'All of it.'), 'cut off');
  await world.start();
  expect((await linear.closing(flying)).body).toMatch(/^✅/);
  expect((await linear.closing(done, 2)).body).toMatch(/^✅ And one more\./);
  for (const issue of [done, flying]) {
    expect(await github.pulls('app', issue)).toHaveLength(1);
    const said = (await linear.activities(issue)).map(textOf);
    expect(said.filter((text) => text.startsWith('Got it'))).toHaveLength(issue === done ? 2 : 1);
  }
  expect(await linear.closings(done)).toHaveLength(2);
  expect(await linear.closings(flying)).toHaveLength(1);
});

test('a home that is not empty, a damaged file and a newer one are refused, each with what to do', async () => {
  const used = await world.cyrus('restore', backupFile());
  expect(used.code).toBe(1);
  expect(used.stderr).toMatch(/is not empty\. Nothing was changed\.\n.*Name an empty or new directory/);
  const elsewhere = join(world.directory, 'other', 'home');
  await mkdir(join(world.directory, 'other'));
  await chmod(join(world.directory, 'other'), 0o711);
  const restore = (file: string) => world.cyrus('--home', elsewhere, 'restore', file);
  const half = join(world.directory, 'half.backup');
  await writeFile(half, await readFile(backupFile()));
  await truncate(half, Math.floor((await stat(half)).size / 2));
  const cut = await restore(half);
  expect(cut.code).toBe(1);
  expect(cut.stderr).toMatch(/half\.backup is not a whole backup: .*Nothing was changed/);
  const missing = await restore(join(world.directory, 'none'));
  expect(missing.stderr).toMatch(/none cannot be read: ENOENT/);
  expect([cut, missing].map(({ stderr }) => stderr).join()).not.toMatch(/\n\s+at /);
  await expect(stat(elsewhere)).rejects.toThrow(/ENOENT/);
  const nowhere = await world.cyrus('backup', join(world.directory, 'no', 'such', 'place'));
  expect(nowhere.code).toBe(1);
  expect(nowhere.stderr).toMatch(/cannot be written/);
});

/** Ends the database server of this world. */
async function endDatabase(): Promise<void> {
  const { processes } = await import('./support/processes.ts');
  const mine = async () => (await processes()).filter(({ command }) => command.includes('postgres') && command.includes(world.directory));
  for (const { pid } of await mine()) process.kill(pid, 'SIGQUIT');
  await until('the database to be gone', async () => (await mine()).length === 0);
}
