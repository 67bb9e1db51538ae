import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { hasGitLfs } from 'cyrus-checkouts/lfs-objects';
import type { CheckoutInfo, Verdict } from 'cyrus-core/domain/plan';
import { type TestDatabase, testDatabase } from 'cyrus-store/testing/database';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { expectBubblewrap, sandboxes } from './support/hosts.ts';
import { abortable, type Jobs, jobsFor } from './support/jobs.ts';
import { processesWith } from './support/processes.ts';
import { makeRepository, repositoryAt, type TestRepository } from './support/repository.ts';
import { attemptOf, insertPlan, taskOf } from './support/rows.ts';
import { temporary } from './support/supervisor.ts';
import { until } from './support/until.ts';

/** Listens on the port in its first argument and answers with its second. */
const server = `require('node:net').createServer((socket) => socket.on('error', () => undefined).end(process.argv[3])).listen(Number(process.argv[2]), '127.0.0.1', () => console.log('listening'));`;
const client = `require('node:net').connect(Number(process.argv[2]), '127.0.0.1').on('data', (data) => console.log('got ' + data)).on('error', (error) => { console.error(error.message); process.exit(1); });`;

/** Skipped without git-lfs, unless CYRUS_NO_SKIP asks for all of them. */
const withoutLfs = !(await hasGitLfs(process.env['PATH'] ?? '')) && process.env['CYRUS_NO_SKIP'] !== '1';

expectBubblewrap();
describe.each(sandboxes)('%s', (_name, sandbox) => {
  let database: TestDatabase;
  let home: Awaited<ReturnType<typeof temporary>>;
  let origin: TestRepository;
  beforeEach(async () => {
    [database, home] = await Promise.all([testDatabase(), temporary()]);
    origin = await makeRepository(join(home.path, 'origin'), { 'server.cjs': server, 'client.cjs': client });
  });
  afterEach(async () => {
    await database.stop();
    await home.remove();
  });
  const jobsOf = (repository: object = {}, more: object = {}): Promise<Jobs> =>
    jobsFor({
      home: join(home.path, 'home'),
      db: database.db,
      sandbox,
      config: { repositories: [{ id: 'repo', remoteUrl: origin.path, ...repository }], ...more },
    });
  const wanted = {
    repositoryId: 'repo',
    taskId: 'task',
    attemptId: 'a1',
    branch: 'cyrus/eng-1',
    startFrom: null,
    reuse: false,
    issue: 'ENG-1',
  };
  const prepare = (jobs: Jobs, more: object = {}): Promise<CheckoutInfo> => jobs.result('prepare', { ...wanted, ...more });
  const cleanup = (jobs: Jobs) =>
    jobs.result<Record<string, unknown>>('cleanup', { repositoryId: 'repo', taskId: 'task', attemptIds: ['a1'] });
  /** Checks of what the repository has now; the base is what it had first. */
  const verify = async (jobs: Jobs, commands: readonly string[]): Promise<Verdict> => {
    await (await jobs.checkouts.mirror({ id: 'repo', remoteUrl: origin.path })).fetch();
    const sha = await origin.git('rev-parse', 'HEAD');
    return jobs.result('verify', { repositoryId: 'repo', taskId: taskOf('plan'), sha, commands, timeoutMs: 20_000 });
  };
  const setup = (jobs: Jobs, info: CheckoutInfo, how: object) =>
    jobs.result<{ output: string; exitCode: number }>('setup', { repositoryId: 'repo', directory: info.directory, ...how });

  test('setup knows where it is; once it has ended well, the next attempt does not need it', async () => {
    const jobs = await jobsOf();
    const info = await prepare(jobs);
    expect(info.setUp).toBe(false);
    const { output } = await setup(jobs, info, {
      command: 'echo "$CYRUS_TASK_ID $CYRUS_ISSUE $CYRUS_BRANCH $((CYRUS_PORT_9 - CYRUS_PORT))"; exit 1',
      timeoutMs: 20_000,
    });
    expect(output).toBe('task ENG-1 cyrus/eng-1 9\n');
    expect((await prepare(jobs, { attemptId: 'a2', reuse: true })).setUp).toBe(false);
    await setup(jobs, info, { command: ':' });
    expect(await prepare(jobs, { attemptId: 'a3', reuse: true })).toMatchObject({ reused: true, setUp: true });
  });

  test('cyrus-setup.sh is taken from the base commit, in the agent checkout and for the checks', async () => {
    await origin.commit({
      'cyrus-setup.sh': 'cd "$(dirname "$0")" && [[ -n "$CYRUS_PORT" ]] && echo base > made.txt; echo "${0##*/} done"\n',
    });
    const base = await origin.git('rev-parse', 'HEAD');
    const jobs = await jobsOf();
    const info = await prepare(jobs);
    expect(info.setupScript).toBe('cyrus-setup.sh');
    await writeFile(join(info.directory, 'cyrus-setup.sh'), 'echo rewritten > made.txt');
    expect(await setup(jobs, info, { script: 'cyrus-setup.sh' })).toMatchObject({ exitCode: 0, output: 'cyrus-setup.sh done\n' });
    expect(await readFile(join(info.directory, 'made.txt'), 'utf8')).toBe('base\n');
    await insertPlan(database.db, 'plan', 'repo');
    await database.db.query('update cyrus.attempt set checkout = $2 where id = $1', [attemptOf('plan'), JSON.stringify({ baseSha: base })]);
    await origin.commit({ 'cyrus-setup.sh': 'echo rewritten > made.txt' });
    expect((await verify(jobs, ['cat made.txt'])).checks).toMatchObject([{ exitCode: 0, output: 'base\n' }]);
    expect((await prepare(await jobsOf({ setup: { command: 'true' } }), { taskId: 'other' })).setupScript).toBeUndefined();
  });

  test('teardown runs before a checkout is deleted, once, with the environment of setup; its failure holds nothing up', async () => {
    const teardown = { command: `echo "$CYRUS_TASK_ID $CYRUS_ISSUE $GREETING $(pwd)"; exit 7` };
    const jobs = await jobsOf({ teardown, environmentVariables: { GREETING: 'hello' } });
    const info = await prepare(jobs);
    const { teardowns } = await cleanup(jobs);
    expect(teardowns).toMatchObject([{ ok: false, exitCode: 7, output: `task ENG-1 hello ${info.directory}\n` }]);
    expect(await jobs.checkouts.list()).toEqual([]);
    const { rows } = await database.db.query<{ type: string }>(`select type from cyrus.event where task_id = 'task'`);
    expect(rows).toEqual([{ type: 'teardown.failed' }]);
    expect(await cleanup(jobs)).toEqual({});
  });

  test('teardown ends at its time limit with all it started, and the checkout goes', async () => {
    const mark = `mark-${home.path}`;
    const jobs = await jobsOf({ teardown: { command: `echo begun; setsid sh -c 'sleep 600; : ${mark}' & sleep 600`, timeoutMs: 6_000 } });
    await prepare(jobs);
    const { teardowns } = await cleanup(jobs);
    expect(teardowns).toMatchObject([{ ok: false, output: 'begun\n\n[took longer than 6 s and was ended]' }]);
    expect(await processesWith(mark)).toEqual([]);
    expect(await jobs.checkouts.list()).toEqual([]);
  });

  test('the checkout of checks that were stopped has its teardown with the cleanup of the task', async () => {
    const jobs = await jobsOf({ teardown: { command: 'echo "$CYRUS_TASK_ID"' } });
    await prepare(jobs);
    const mark = `check-${jobs.runPrefix}`;
    const stop = abortable();
    const sha = await origin.git('rev-parse', 'HEAD');
    const checks = { repositoryId: 'repo', taskId: 'task', sha, commands: [`sleep 600; : ${mark}`], timeoutMs: 60_000 };
    const running = jobs.run('verify', checks, stop.signal);
    running.catch(() => undefined);
    await until('the checks run', async () => (await processesWith(mark)).length > 0);
    stop.abort();
    await expect(running).rejects.toThrow('Stopped.');
    expect(await jobs.checkouts.list()).toHaveLength(2);
    expect((await cleanup(jobs))['teardowns']).toMatchObject([{ output: 'task\n' }, { output: 'task\n' }]);
    expect(await jobs.checkouts.list()).toEqual([]);
  });

  test('a teardown that the end of the service cut off is run again, from the base commit', async () => {
    await origin.commit({ 'cyrus-teardown.sh': 'echo base; test -e slow && sleep 600; true\n' });
    const jobs = await jobsOf();
    const info = await prepare(jobs);
    await writeFile(join(info.directory, 'cyrus-teardown.sh'), 'echo rewritten');
    await writeFile(join(info.directory, 'slow'), '');
    const stop = abortable();
    const payload = { repositoryId: 'repo', taskId: 'task', attemptIds: ['a1'] };
    const running = jobs.run('cleanup', payload, stop.signal);
    running.catch(() => undefined);
    await until('it runs', async () => (await processesWith(jobs.runPrefix)).length > 0);
    stop.abort('shutdown');
    await expect(running).rejects.toThrow('Stopped.');
    await rm(join(info.directory, 'slow'));
    expect((await cleanup(jobs))['teardowns']).toMatchObject([{ ok: true, command: 'cyrus-teardown.sh', output: 'base\n' }]);
  });

  test('files of .worktreeinclude are there for the agent and for the checks', async () => {
    await origin.commit({ '.gitignore': '.env\n', '.worktreeinclude': '.env\n' });
    await writeFile(join(origin.path, '.env'), 'KEY=1\n');
    const jobs = await jobsOf({ repositoryPath: origin.path });
    const info = await prepare(jobs);
    expect(info.copied).toEqual({ files: ['.env'], skipped: [] });
    expect(await readFile(join(info.directory, '.env'), 'utf8')).toBe('KEY=1\n');
    expect((await verify(jobs, ['cat .env'])).checks).toMatchObject([{ output: 'KEY=1\n' }]);
    await repositoryAt(info.directory).git('add', '-f', '.env');
    await repositoryAt(info.directory).git('commit', '-q', '-m', 'everything');
    const collected = await jobs.run('collect', {
      repositoryId: 'repo',
      directory: info.directory,
      attemptId: 'a1',
      baseSha: info.startSha,
    });
    expect(collected).toMatchObject({ failure: { class: 'no_evidence', message: expect.stringMatching(/committed \.env/) } });
  });

  test('a file of the user that an earlier plan committed is not published with what follows, until its commits are made anew', async () => {
    await origin.commit({ '.gitignore': '.env\n', '.worktreeinclude': '.env\n' });
    await writeFile(join(origin.path, '.env'), 'KEY=1\n');
    const jobs = await jobsOf({ repositoryPath: origin.path });
    const first = await prepare(jobs);
    await repositoryAt(first.directory).git('add', '-f', '.env');
    await repositoryAt(first.directory).git('commit', '-q', '-m', 'everything');
    // Stopped: nobody looks at what is saved.
    const { savedSha: sha } = await cleanup(jobs);
    await rm(join(origin.path, '.env'));
    const { directory, startSha, baseSha, copied } = await prepare(jobs, { taskId: 'next', attemptId: 'n1', startFrom: { sha } });
    expect({ startSha, copied }).toEqual({ startSha: sha, copied: { files: ['.env'], skipped: [] } });
    const collect = () => jobs.run('collect', { repositoryId: 'repo', directory, attemptId: 'n1', baseSha: startSha });
    const refused = { failure: { class: 'no_evidence', message: expect.stringMatching(/committed \.env/) } };
    expect(await collect()).toMatchObject(refused);
    const { git, commit } = repositoryAt(directory);
    await commit({ 'more.txt': 'more' });
    expect(await collect()).toMatchObject(refused);
    await git('reset', '-q', '--soft', baseSha);
    await git('commit', '-q', '-m', 'anew');
    const mended = await collect();
    expect(mended).not.toHaveProperty('failure');
    const head = await git('rev-parse', 'HEAD');
    expect(mended.result).toMatchObject({ headSha: head });
    // What it was made anew for is not joined with it again.
    const merge = { repositoryId: 'repo', taskId: 'next', into: startSha, head, message: 'Merge' };
    expect(await jobs.result('merge', merge)).toMatchObject({ sha: head, fastForward: false });
    await git('reset', '-q', '--hard', baseSha);
    expect(await collect()).toMatchObject({ failure: { message: expect.stringContaining('went back before') } });
  });

  test('every live task has ports of its own, and keeps them', async () => {
    const jobs = await jobsOf();
    const ports: number[] = [];
    for (const taskId of ['one', 'two', 'three']) {
      const info = await prepare(jobs, { taskId });
      ports.push(Number((await setup(jobs, info, { command: 'echo $CYRUS_PORT' })).output));
    }
    expect(new Set(ports).size).toBe(3);
    const again = await prepare(jobs, { taskId: 'two', attemptId: 'a2', reuse: true });
    expect(Number((await setup(jobs, again, { command: 'echo $CYRUS_PORT' })).output)).toBe(ports[1]);
  });

  test.skipIf(withoutLfs)('files in Git LFS are there in whole, and one that cannot be had ends it before an agent runs', async () => {
    const content = 'large\n'.repeat(50);
    const oid = createHash('sha256').update(content).digest('hex');
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize ${content.length}\n`;
    await origin.commit({ '.gitattributes': '*.bin filter=lfs diff=lfs merge=lfs -text\n', 'a.bin': pointer });
    const jobs = await jobsOf();
    await expect(jobs.run('prepare', wanted)).rejects.toMatchObject({
      failure: { message: expect.stringContaining('Files in Git LFS cannot be had (a.bin)') },
    });
    const store = join(origin.path, '.git/lfs/objects', oid.slice(0, 2), oid.slice(2, 4));
    await mkdir(store, { recursive: true });
    await writeFile(join(store, oid), content);
    const info = await prepare(jobs);
    expect(await readFile(join(info.directory, 'a.bin'), 'utf8')).toBe(content);
    expect((await verify(jobs, ['wc -c < a.bin'])).checks).toMatchObject([{ output: `${content.length}\n` }]);
    expect(await prepare(jobs, { attemptId: 'a2', reuse: true })).toMatchObject({ reused: true });
  });

  test('with leave, large files of Git LFS are pointers, and that is told', async () => {
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'a'.repeat(64)}\nsize 9\n`;
    await origin.commit({ '.gitattributes': '*.bin filter=lfs\n', 'a.bin': pointer });
    const info = await prepare(await jobsOf({ lfs: 'pointers' }));
    expect(info.remarks).toEqual(['Large files of Git LFS are pointer files here, as repositories[].lfs says: a.bin.']);
    expect(await readFile(join(info.directory, 'a.bin'), 'utf8')).toBe(pointer);
  });

  test('submodules that are left out are told', async () => {
    await origin.commit({ '.gitmodules': '[submodule "lib"]\n\tpath = lib\n\turl = ../gone\n' });
    const head = await origin.git('rev-parse', 'HEAD');
    await origin.git('update-index', '--add', '--cacheinfo', `160000,${head},lib`);
    await origin.git('commit', '-q', '-m', 'submodule');
    const failed = (await jobsOf()).run('prepare', wanted);
    await expect(failed).rejects.toMatchObject({ failure: { fix: expect.stringContaining('repositories[].submodules to false') } });
    const info = await prepare(await jobsOf({ submodules: false }), { taskId: 'other' });
    expect(info.remarks).toEqual(['Submodules are not checked out, as repositories[].submodules says: lib.']);
  });

  describe('services', () => {
    const service = (more: object = {}) => ({
      name: 'db',
      command: 'node server.cjs "$CYRUS_PORT_1" "$WORD"',
      ready: { port: 'CYRUS_PORT_1' },
      env: { WORD: 'rows' },
      ...more,
    });
    const withServices = (...services: object[]) => jobsOf({ verify: { services } });

    test('are there for the checks, and gone after them', async () => {
      const jobs = await withServices(service());
      const verdict = await verify(jobs, ['node client.cjs "$CYRUS_PORT_1"']);
      expect(verdict).toMatchObject({ verdict: 'passed', checks: [{ output: 'got rows\n' }] });
      expect(await processesWith(jobs.runPrefix)).toEqual([]);
    });

    test('tell what they wrote when a check fails', async () => {
      // Its port may answer a moment before its words are out.
      const verdict = await verify(await withServices(service()), ['sleep 1; echo bad; exit 1']);
      expect(verdict).toMatchObject({ verdict: 'failed', checks: [{ output: 'bad\n\n--- service db ---\nlistening\n' }] });
    });

    test('are waited for by a command, the second after the first', async () => {
      const slow = { name: 'slow', command: 'sleep 0.4; touch "$HOME/up"; sleep 600', ready: { command: 'test -e "$HOME/up"' } };
      const second = {
        name: 'second',
        command: 'test -e "$HOME/up" && touch "$HOME/second"; sleep 600',
        ready: { command: 'test -e "$HOME/second"' },
      };
      expect(await verify(await withServices(slow, second), ['test -e "$HOME/second"'])).toMatchObject({ verdict: 'passed' });
    });

    test('that end or are never ready fail with their output', async () => {
      const dying = await verify(await withServices(service({ command: 'echo no room >&2; exit 3' })), ['true']);
      expect(dying).toMatchObject({ verdict: 'failed', reason: 'the service db ended before the checks began', checks: [{ exitCode: 3 }] });
      expect(dying.checks[0]?.output).toContain('no room');
      const never = service({ command: 'sleep 600', ready: { port: 'CYRUS_PORT_1', timeoutMs: 300 } });
      const jobs = await withServices(never);
      const late = await verify(jobs, ['true']);
      expect(late).toMatchObject({ verdict: 'failed', reason: expect.stringMatching(/^the service db was not ready after/) });
      expect(await processesWith(jobs.runPrefix)).toEqual([]);
    });

    test('whose program is not there, or whose port is taken on the network they share, say so: no fault of the work', async () => {
      expect(await verify(await withServices(service({ command: 'no-such-database' })), ['true'])).toMatchObject({
        verdict: 'not_run',
        reason: expect.stringContaining('the program of the service db is not installed on this host'),
      });
      const unready = { name: 'db', command: 'sleep 1; no-such-database' };
      expect(await verify(await withServices(unready), ['sleep 2'])).toMatchObject({ verdict: 'not_run' });
      const other = createServer();
      await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
      const { port } = other.address() as { port: number };
      try {
        const there = service({ command: `node server.cjs ${port} "$WORD"`, ready: { port } });
        const verdict = await verify(await withServices(there), [`node client.cjs ${port}`]);
        // In a network of their own the ports of this machine do not count.
        if (sandbox.openNetwork) expect(verdict).toMatchObject({ verdict: 'passed', checks: [{ output: 'got rows\n' }] });
        else
          expect(verdict).toMatchObject({
            verdict: 'not_run',
            reason: expect.stringContaining(`port ${port}, which the service db waits for, is in use`),
          });
      } finally {
        other.close();
      }
    });

    test('end at once with a stop', async () => {
      const jobs = await withServices(service());
      const stop = abortable();
      const mark = `check-${jobs.runPrefix}`;
      const sha = await origin.git('rev-parse', 'HEAD');
      await (await jobs.checkouts.mirror({ id: 'repo', remoteUrl: origin.path })).fetch();
      const running = jobs.run(
        'verify',
        { repositoryId: 'repo', taskId: 'task', sha, commands: [`sleep 600; : ${mark}`], timeoutMs: 60_000 },
        stop.signal,
      );
      running.catch(() => undefined);
      await until('the checks run', async () => (await processesWith(mark)).length > 0);
      stop.abort();
      await expect(running).rejects.toThrow('Stopped.');
      expect(await processesWith(jobs.runPrefix)).toEqual([]);
    });
  });
});
