import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CheckoutInfo } from 'cyrus-core/domain/plan';
import type { Sandbox } from 'cyrus-core/ports/sandbox';
import { type TestDatabase, testDatabase } from 'cyrus-store/testing/database';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { expectBubblewrap, sandboxes } from './support/hosts.ts';
import { abortable, type Jobs, jobsFor } from './support/jobs.ts';
import { processesWith } from './support/processes.ts';
import { makeRepository, repositoryAt, type TestRepository } from './support/repository.ts';
import { insertPlan } from './support/rows.ts';
import { temporary } from './support/supervisor.ts';
import { until } from './support/until.ts';

const manifest = (test: string): string => JSON.stringify({ name: 'x', scripts: { test } });
const branch = 'cyrus/eng-1-fix';

expectBubblewrap();
describe.each(sandboxes)('%s', (_name, sandbox) => {
  let database: TestDatabase;
  let home: Awaited<ReturnType<typeof temporary>>;
  let origin: TestRepository;
  let jobs: Jobs;

  beforeEach(async () => {
    [database, home] = await Promise.all([testDatabase(), temporary()]);
    origin = await makeRepository(join(home.path, 'origin'), {
      'package.json': manifest('node --test'),
      'AGENTS.md': 'Use tabs.',
      'sum.js': 'module.exports = (a, b) => a - b;\n',
    });
    jobs = await jobsFor({
      home: join(home.path, 'home'),
      db: database.db,
      sandbox,
      config: { repositories: [{ id: 'repo', repositoryPath: origin.path, environmentVariables: { GREETING: 'hello' } }] },
    });
  });
  afterEach(async () => {
    await database.stop();
    await home.remove();
  });

  const prepare = (more: object = {}): Promise<CheckoutInfo> =>
    jobs.result('prepare', { repositoryId: 'repo', taskId: 'task', attemptId: 'a1', branch, startFrom: null, reuse: false, ...more });
  const collect = (info: CheckoutInfo, attemptId = 'a1') =>
    jobs.result<{ headSha: string; uncommitted: boolean; evidence: { commits: { subject: string }[]; files: { path: string }[] } }>(
      'collect',
      {
        repositoryId: 'repo',
        directory: info.directory,
        attemptId,
        baseSha: info.startSha,
      },
    );

  test('prepare gives a checkout of the base, and what the base says of checks and guidance', async () => {
    const info = await prepare();
    const head = await origin.git('rev-parse', 'main');
    expect(info).toMatchObject({ baseBranch: 'main', baseSha: head, startSha: head, reused: false });
    expect(info.detected).toEqual({ commands: ['npm test'], from: 'package.json' });
    expect(info.context).toContain('Use tabs.');
    expect(info.directory).toBe(join(home.path, 'home/checkouts/task/repo'));
    expect(await repositoryAt(info.directory).git('rev-parse', '--abbrev-ref', 'HEAD')).toBe(branch);
    expect(await readFile(join(origin.path, '.git/config'), 'utf8')).not.toContain('cyrus');
  });

  test('a branch that is not there is said, and a follow-up starts where it is told', async () => {
    await expect(prepare({ baseBranch: 'develop' })).rejects.toThrow('The base branch develop is not in the repository.');
    const first = await origin.git('rev-parse', 'HEAD');
    await origin.commit({ 'new.js': '1' });
    const info = await prepare({ startFrom: { sha: first } });
    expect(info.startSha).toBe(first);
    expect(info.baseSha).not.toBe(first);
    await origin.git('branch', 'topic', first);
    expect((await prepare({ taskId: 'other', startFrom: { branch: 'topic' } })).startSha).toBe(first);
    await expect(prepare({ taskId: 'third', startFrom: { branch: 'gone' } })).rejects.toThrow('The work to go on from, gone');
  });

  test('a follow-up goes on from what was pushed a moment ago, though its message was said before that', async () => {
    const first = await prepare();
    await insertPlan(database.db, 'plan', 'repo');
    await origin.git('checkout', '-q', '-b', branch);
    await origin.commit({ 'sum.js': 'fixed' }, 'Pushed by us since');
    const pushed = await origin.git('rev-parse', 'HEAD');
    await origin.git('checkout', '-q', 'main');
    await database.db.query(`update cyrus.plan set created_at = now() - interval '30 seconds'`);
    const second = await prepare({ planId: 'plan', taskId: 'next', startFrom: { sha: pushed }, wasPushed: true });
    expect(second).toMatchObject({ baseSha: first.baseSha, startSha: pushed });
  });

  test('a follow-up goes on from what people put on top of the branch since; a branch they rewrote is left to them', async () => {
    await origin.git('checkout', '-q', '-b', branch);
    await origin.commit({ 'sum.js': 'fixed' }, 'Pushed by us');
    const ours = await origin.git('rev-parse', 'HEAD');
    await origin.commit({ 'theirs.js': '1' }, 'On top of it');
    const theirs = await origin.git('rev-parse', 'HEAD');
    const goOn = async (taskId: string): Promise<string> => (await prepare({ taskId, startFrom: { sha: ours }, wasPushed: true })).startSha;
    expect(await goOn('b')).toBe(theirs);
    // A second attempt does so, too, where the first one left nothing; what it left is gone on with.
    const again = { startFrom: { sha: ours }, wasPushed: true, reuse: true, attemptId: 'a2' };
    expect((await prepare({ taskId: 'fresh', ...again })).startSha).toBe(theirs);
    await prepare({ taskId: 'begun', startFrom: { sha: ours } });
    expect(await prepare({ taskId: 'begun', ...again })).toMatchObject({ reused: true, startSha: ours });
    await origin.git('reset', '-q', '--hard', 'main');
    await origin.commit({ 'theirs.js': '2' }, 'Rewritten');
    expect(await goOn('c')).toBe(ours);
  });

  test('the next attempt goes on in the same checkout, locks of a killed git taken away', async () => {
    const first = await prepare();
    await repositoryAt(first.directory).commit({ 'sum.js': 'fixed' }, 'Fix');
    await writeFile(join(first.directory, 'half.js'), 'not committed');
    await writeFile(join(first.directory, '.git/index.lock'), '');
    await origin.commit({ 'elsewhere.js': '1' });
    const second = await prepare({ attemptId: 'a2', reuse: true });
    expect(second).toMatchObject({ directory: first.directory, reused: true, startSha: first.startSha });
    expect(second.baseSha).not.toBe(first.baseSha);
    expect(await readFile(join(second.directory, 'half.js'), 'utf8')).toBe('not committed');
    expect((await collect(second, 'a2')).evidence.commits.map(({ subject }) => subject)).toEqual(['Fix', 'Work in progress']);
  });

  test.each<[string, (directory: string) => Promise<void>]>([
    ['has no repository any more', (directory) => rm(join(directory, '.git'), { recursive: true })],
    ['has a broken one', (directory) => writeFile(join(directory, '.git/HEAD'), 'garbage')],
    [
      'has a link to another in its place',
      async (directory) => {
        await rm(join(directory, '.git'), { recursive: true });
        await symlink('/etc', join(directory, '.git'));
      },
    ],
  ])('a checkout that %s is replaced, and its files are kept', async (_what, breakIt) => {
    const first = await prepare();
    await writeFile(join(first.directory, 'half.js'), 'not committed');
    await breakIt(first.directory);
    const second = await prepare({ attemptId: 'a2', reuse: true });
    expect(second.reused).toBe(false);
    expect(await repositoryAt(second.directory).git('rev-parse', '--abbrev-ref', 'HEAD')).toBe(branch);
    expect(await readFile(join(second.directory, 'half.js'), 'utf8')).toBe('not committed');
    expect((await collect(second, 'a2')).evidence.files.map(({ path }) => path)).toContain('half.js');
  });

  test('without its checkout, an attempt goes on from the work that was collected', async () => {
    const first = await prepare();
    await repositoryAt(first.directory).commit({ 'sum.js': 'fixed' }, 'Fix');
    const { headSha } = await collect(first);
    await rm(join(home.path, 'home/checkouts/task'), { recursive: true });
    const second = await prepare({ attemptId: 'a2', reuse: true, lastWork: { attemptId: 'a1', sha: headSha } });
    expect(second).toMatchObject({ reused: false, startSha: first.startSha });
    expect(await readFile(join(second.directory, 'sum.js'), 'utf8')).toBe('fixed');
  });

  test('without leave to reuse, the work is set aside and a new checkout made', async () => {
    const first = await prepare();
    await repositoryAt(first.directory).commit({ 'sum.js': 'fixed' });
    const second = await prepare();
    expect(await readFile(join(second.directory, 'sum.js'), 'utf8')).toContain('a - b');
  });

  test('setup runs in the checkout with the variables of the repository and none of the service', async () => {
    const info = await prepare();
    process.env['LINEAR_TOKEN'] = 'lin_api_secret';
    try {
      const command = 'echo "$GREETING [$LINEAR_TOKEN]"; touch made; test -d "$HOME" && touch "$HOME/cache"; exit 3';
      const result = await jobs.result('setup', { repositoryId: 'repo', directory: info.directory, command, timeoutMs: 20_000 });
      expect(result).toMatchObject({ exitCode: 3, output: 'hello []\n' });
    } finally {
      delete process.env['LINEAR_TOKEN'];
    }
    expect(await readFile(join(info.directory, 'made'), 'utf8')).toBe('');
  });

  test('setup ends at its time limit and at a stop, with everything it started', async () => {
    const info = await prepare();
    const mark = `mark-${jobs.runPrefix}`;
    const command = `sh -c 'sleep 600; : ${mark}' & setsid sh -c 'sleep 600; : ${mark}' & echo begun; wait`;
    const payload = { repositoryId: 'repo', directory: info.directory, command, timeoutMs: 6_000 };
    expect(await jobs.run('setup', payload)).toMatchObject({
      failure: { class: 'setup_failed', message: 'The setup command took longer than 6 s' },
      result: { output: 'begun\n' },
    });
    expect(await processesWith(mark)).toEqual([]);
    const stop = abortable();
    const running = jobs.run('setup', { ...payload, timeoutMs: 60_000 }, stop.signal);
    running.catch(() => undefined);
    await until('it runs', async () => (await processesWith(mark)).length > 0);
    stop.abort();
    await expect(running).rejects.toThrow('Stopped.');
    expect(await processesWith(mark)).toEqual([]);
  });

  test('collect saves committed and uncommitted work and tells what changed', async () => {
    const info = await prepare();
    await repositoryAt(info.directory).commit({ 'sum.js': 'module.exports = (a, b) => a + b;\n' }, 'Add instead of subtract');
    await writeFile(join(info.directory, 'note.md'), 'one\ntwo\n');
    const collected = await collect(info);
    expect(collected.uncommitted).toBe(true);
    expect(collected.evidence).toMatchObject({
      insertions: 3,
      deletions: 1,
      files: [
        { path: 'note.md', status: 'added', insertions: 2, deletions: 0 },
        { path: 'sum.js', status: 'modified', insertions: 1, deletions: 1 },
      ],
    });
    const mirror = join(home.path, 'home/repos/repo.git');
    expect(await repositoryAt(mirror).git('rev-parse', 'refs/cyrus/wip/a1')).toBe(collected.headSha);
  });

  test('work that is not on top of where it began is no evidence', async () => {
    const info = await prepare();
    const agent = repositoryAt(info.directory);
    await agent.git('checkout', '--quiet', '--orphan', 'fresh');
    await agent.commit({ 'sum.js': 'all new' });
    const outcome = await jobs.run('collect', { repositoryId: 'repo', directory: info.directory, attemptId: 'a1', baseSha: info.startSha });
    expect(outcome).toMatchObject({ failure: { class: 'no_evidence' } });
  });

  test('a checkout that is gone is said', async () => {
    const outcome = jobs.run('collect', { repositoryId: 'repo', directory: '/nowhere', attemptId: 'a1', baseSha: 'x' });
    await expect(outcome).rejects.toThrow('The checkout /nowhere is gone.');
  });

  test('merge counts against what it merges into, and names what conflicts', async () => {
    const info = await prepare();
    await repositoryAt(info.directory).commit({ 'sum.js': 'ours\n' });
    const { headSha } = await collect(info);
    expect(await jobs.result('merge', { repositoryId: 'repo', into: info.startSha, head: headSha, message: 'Merge' })).toEqual({
      sha: headSha,
      fastForward: true,
      files: 1,
      insertions: 1,
      deletions: 1,
    });
    const other = await prepare({ taskId: 'other' });
    await repositoryAt(other.directory).commit({ 'sum.js': 'theirs\n' });
    const theirs = await collect(other, 'b1');
    expect(await jobs.result('merge', { repositoryId: 'repo', into: headSha, head: theirs.headSha, message: 'Merge' })).toEqual({
      conflicts: ['sum.js'],
      sides: [{ path: 'sum.js', into: 'changed', head: 'changed' }],
      commits: [{ sha: headSha, subject: expect.any(String) }],
    });
  });

  test('cleanup saves what nobody collected, deletes, and may come twice', async () => {
    const info = await prepare();
    await writeFile(join(info.directory, 'half.js'), 'not committed');
    await mkdir(join(info.directory, 'locked/inner'), { recursive: true, mode: 0o500 }).catch(() => undefined);
    const payload = { repositoryId: 'repo', taskId: 'task', attemptIds: ['a1', 'a2'], directory: info.directory };
    const saved = await jobs.result('cleanup', payload);
    expect(await jobs.checkouts.list()).toEqual([]);
    const mirror = repositoryAt(join(home.path, 'home/repos/repo.git'));
    expect(saved).toEqual({ savedSha: await mirror.git('rev-parse', 'refs/cyrus/wip/a2') });
    expect(await mirror.git('show', 'refs/cyrus/wip/a2:half.js')).toBe('not committed');
    expect(await jobs.result('cleanup', payload)).toEqual({});
  });

  test('cleanup reads the work again when the reading was cut off', async () => {
    const info = await prepare();
    await writeFile(join(info.directory, 'half.js'), 'not committed');
    let kills = 2;
    const killing: Sandbox = {
      ...sandbox,
      // Killed before it has said a word, however fast it is.
      spawn: (spec) => sandbox.spawn(kills-- > 0 ? { ...spec, command: 'sh', args: ['-c', 'kill -9 $$'] } : spec),
    };
    jobs = await jobsFor({
      home: join(home.path, 'home'),
      db: database.db,
      sandbox: killing,
      config: { repositories: [{ id: 'repo', repositoryPath: origin.path }] },
    });
    await jobs.result('cleanup', { repositoryId: 'repo', taskId: 'task', attemptIds: ['a1'], directory: info.directory });
    expect(kills).toBeLessThan(0);
    expect(await jobs.checkouts.list()).toEqual([]);
    expect(await repositoryAt(join(home.path, 'home/repos/repo.git')).git('show', 'refs/cyrus/wip/a1:half.js')).toBe('not committed');
  });

  test('a repository that is not configured any more is said', async () => {
    await expect(prepare({ repositoryId: 'gone' })).rejects.toThrow('The repository gone is not in the configuration');
  });
});
