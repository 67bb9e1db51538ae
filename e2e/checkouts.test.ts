import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { GcReport } from 'cyrus-edge-worker/gc/report';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { change, commit, shell } from './support/model.ts';
import { runToEnd } from './support/program.ts';
import { until } from './support/until.ts';
import { plainRepository, World } from './support/world.ts';

let world: World;
beforeAll(async () => {
  world = await World.open({
    repositories: { app: plainRepository, moving: plainRepository },
    config: { checkouts: { saveEveryMs: 400, keepWipDays: 0, keepConversationDays: 0, pool: 1 } },
  });
});
afterAll(() => world?.close());

const pool = (): string => join(world.home, 'checkouts/.pool');
/** The directory of the one that waits for a repository. */
async function waiting(repository: string): Promise<string> {
  const name = await until(
    `a waiting checkout of ${repository}`,
    async () => (await readdir(pool()).catch(() => [])).find((each) => each.startsWith(`${repository}-`)),
    { withinMs: 60_000 },
  );
  return join(pool(), name, repository);
}
const inMirror = async (repository: string, ...args: string[]): Promise<string> => {
  const ran = await runToEnd('git', [`--git-dir=${join(world.home, `repos/${repository}.git`)}`, ...args]);
  if (ran.code !== 0) throw new Error(ran.stderr);
  return ran.stdout.trim();
};
const branchOf = async (repository: string, issue: string): Promise<string> => {
  const [pull] = await world.github.pulls(repository, issue);
  if (pull === undefined) throw new Error(`${issue} has no pull request`);
  return pull.head;
};

test('the second issue gets the checkout that waits, brought to where the base branch is by then', async () => {
  const { linear, model, github } = world;
  await model.script('First of all', change('first.txt', '1', 'The first.'));
  const first = await linear.assign({ title: 'First of all', description: '[repo=app]' });
  expect((await linear.closing(first)).body).toContain('The first.');
  const directory = await waiting('app');
  const { ino } = await stat(join(directory, 'check.js'));

  const tree = (await github.git('app', 'rev-parse', 'main^{tree}')).trim();
  const next = (
    await github.git('app', '-c', 'user.name=A', '-c', 'user.email=a@b.test', 'commit-tree', tree, '-p', 'main', '-m', 'Next')
  ).trim();
  await github.git('app', 'update-ref', 'refs/heads/main', next);
  await model.script('Second of all', [
    shell("ls -i check.js | awk '{print $1}' > inode.txt; git rev-parse HEAD > base.txt"),
    commit('Look where this is'),
    { text: 'The second.' },
  ]);
  const second = await linear.assign({ title: 'Second of all', description: '[repo=app]' });
  expect((await linear.closing(second)).body).toContain('The second.');
  const branch = await branchOf('app', second);
  expect((await github.git('app', 'show', `${branch}:inode.txt`)).trim()).toBe(String(ino));
  expect((await github.git('app', 'show', `${branch}:base.txt`)).trim()).toBe(next);
  // Another waits, made new.
  expect((await stat(join(await waiting('app'), 'check.js'))).ino).not.toBe(ino);
});

test.each([
  ['on an older commit', ['-p', 'main~1']],
  ['with a history of its own', []],
])('the base branch is force-pushed %s while the agent works: its work ends as a pull request', async (name, parents) => {
  const { linear, model, github } = world;
  const author = ['-c', 'user.name=A', '-c', 'user.email=a@b.test'];
  const tree = (await github.git('moving', 'rev-parse', 'main^{tree}')).trim();
  const push = async (...args: string[]): Promise<void> => {
    const sha = (await github.git('moving', ...author, 'commit-tree', tree, ...args)).trim();
    await github.git('moving', 'update-ref', 'refs/heads/main', sha);
  };
  await push('-p', 'main', '-m', `More before ${name}`);
  const title = `Moved ${name}`;
  await model.script(title, [
    shell('echo begun > begun.txt; until [ -e .git/go ]; do sleep 0.1; done'),
    ...change('moved.txt', 'm', 'Moved with it.'),
  ]);
  const issue = await linear.assign({ title, description: '[repo=moving]' });
  const directory = await until('the agent to be at work', async () =>
    // The other case's checkout may still be there.
    (await world.checkouts('work')).find((each) => existsSync(join(each, 'begun.txt')) && !existsSync(join(each, '.git/go'))),
  );
  await push(...parents, '-m', `Rewritten ${name}`);
  await mkdir(join(directory, '.git/go'));
  const answer = await linear.closing(issue);
  expect(answer.body).toMatch(/Moved with it\.|history|base/);
  const branch = (await github.git('moving', 'for-each-ref', '--format=%(refname)', '--contains', 'main~0', 'refs/heads/cyrus')).trim();
  expect(branch).toBe('');
  expect(await github.git('moving', 'show', `${await branchOf('moving', issue)}:moved.txt`)).toContain('m');
});

test('the work of an agent is saved while it runs: its checkout may be lost together with the service', async () => {
  const { linear, model, github } = world;
  await model.script('Lose the checkout', [
    shell('[ -e half.txt ] || date +%s%N > half.txt; git add half.txt; echo loose > loose.txt; sleep 4'),
    ...change('rest.txt', 'rest', 'All of it.'),
  ]);
  const issue = await linear.assign({ title: 'Lose the checkout', description: '[repo=app]' });
  const saved = await until('the half to be saved', async () => {
    const refs = (await inMirror('app', 'for-each-ref', '--format=%(refname)', 'refs/cyrus/wip/')).split('\n');
    for (const ref of refs) {
      const half = await inMirror('app', 'show', `${ref}:half.txt`).catch(() => undefined);
      if (half && (await inMirror('app', 'show', `${ref}:loose.txt`).catch(() => undefined))) return half;
    }
    return undefined;
  });
  await world.service.kill();
  for (const directory of await world.checkouts('work')) await rm(join(directory, '..'), { recursive: true });
  await world.start();
  expect((await linear.closing(issue)).body).toContain('All of it.');
  const branch = await branchOf('app', issue);
  expect((await github.git('app', 'show', `${branch}:half.txt`)).trim()).toBe(saved);
  expect((await github.git('app', 'ls-tree', '--name-only', branch)).split('\n')).toEqual(
    expect.arrayContaining(['loose.txt', 'rest.txt']),
  );
});

test('gc gives back what is over, while the service runs and without it; a follow-up goes on all the same', async () => {
  const { linear, model, github } = world;
  const gc = async (...args: string[]): Promise<GcReport> => {
    const ran = await world.cyrus('gc', '--json', ...args);
    expect(ran.stderr).toBe('');
    return JSON.parse(ran.stdout) as GcReport;
  };
  await model.script('Over soon', change('over.txt', 'o', 'Over.'));
  const issue = await linear.assign({ title: 'Over soon', description: '[repo=app]' });
  await linear.closing(issue);
  // The mirror learns at its next fetch that the work is on the remote.
  await model.script('And one more', change('more.txt', 'o', 'More.'));
  await linear.closing(await linear.assign({ title: 'And one more', description: '[repo=app]' }));
  await until('both to be cleaned up', async () => (await world.checkouts('work')).length === 0);
  const conversations = join(world.home, 'conversations');
  for (const name of await readdir(conversations)) await utimes(join(conversations, name), 1, 1);

  const would = await gc('--dry-run');
  const kinds = (report: GcReport): Set<string> => new Set(report.items.map(({ kind }) => kind));
  expect(would.dryRun).toBe(true);
  expect(kinds(would)).toEqual(new Set(['saved-work', 'conversation']));
  expect(would.freedBytes).toBeGreaterThan(0);
  const text = await world.cyrus('gc', '--dry-run');
  expect(text.stdout).toMatch(/conversation .*\n[\s\S]*Would give back \d/);

  const did = await gc();
  expect(did.items.map(({ what }) => what).sort()).toEqual(would.items.map(({ what }) => what).sort());
  expect(await readdir(conversations)).toEqual([]);
  expect((await gc()).items).toEqual([]);

  // A new conversation, whose first prompt has all of it.
  await model.script('Please once more', change('again.txt', 'a', 'Again.'));
  await linear.say(issue, 'Please once more.');
  expect((await linear.closing(issue, 2)).body).toContain('Again.');
  expect(await github.git('app', 'show', `${await branchOf('app', issue)}:again.txt`)).toContain('a');

  await world.service.end();
  expect((await gc('--dry-run')).dryRun).toBe(true);
  expect(await readFile(join(world.home, 'config.json'), 'utf8')).toContain('keepWipDays');
});
