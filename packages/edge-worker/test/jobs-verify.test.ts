import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Sandbox } from 'cyrus-core/ports/sandbox';
import { type TestDatabase, testDatabase } from 'cyrus-store/testing/database';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { VerifyResult } from '../src/jobs/verify.ts';
import { bestSandbox, expectBubblewrap, sandboxes } from './support/hosts.ts';
import { abortable, type Jobs, jobsFor } from './support/jobs.ts';
import { processesWith } from './support/processes.ts';
import { makeRepository, type TestRepository } from './support/repository.ts';
import { attemptOf, insertPlan, taskOf } from './support/rows.ts';
import { temporary } from './support/supervisor.ts';
import { until } from './support/until.ts';

const manifest = (scripts: object): string => JSON.stringify({ name: 'x', scripts });
const check = 'grep -q right answer.txt';

expectBubblewrap();
describe.each(sandboxes)('verify %s', (_name, sandbox) => {
  let database: TestDatabase;
  let home: Awaited<ReturnType<typeof temporary>>;
  let origin: TestRepository;
  let jobs: Jobs;
  let base: string;

  beforeEach(async () => {
    [database, home] = await Promise.all([testDatabase(), temporary()]);
    origin = await makeRepository(join(home.path, 'origin'), {
      'package.json': manifest({ test: 'npm run --silent unit', unit: `sh ci/check.sh` }),
      'ci/check.sh': `${check}\n`,
      Makefile: `test:\n\t${check}\n`,
      'answer.txt': 'wrong\n',
    });
    base = await origin.git('rev-parse', 'HEAD');
    await insertPlan(database.db, 'plan', 'repo');
    await database.db.query('update cyrus.attempt set checkout = $2 where id = $1', [attemptOf('plan'), JSON.stringify({ baseSha: base })]);
    jobs = await jobsFor({
      home: join(home.path, 'home'),
      db: database.db,
      sandbox,
      config: { repositories: [{ id: 'repo', repositoryPath: origin.path }] },
    });
  });
  afterEach(async () => {
    await database.stop();
    await home.remove();
  });

  async function payload(sha: string, commands: readonly string[], more: object = {}): Promise<object> {
    // As the collected work is: in the mirror already.
    await (await jobs.checkouts.mirror({ id: 'repo', repositoryPath: origin.path })).fetch();
    return { repositoryId: 'repo', taskId: taskOf('plan'), sha, commands, timeoutMs: 30_000, ...more };
  }
  const verify = async (sha: string, commands: readonly string[], more: object = {}): Promise<VerifyResult> =>
    jobs.result('verify', await payload(sha, commands, more));
  const nothingLeft = async (): Promise<void> => {
    const names = await readdir(join(home.path, 'home/checkouts')).catch(() => []);
    expect(names.filter((name) => name.includes('verify'))).toEqual([]);
  };

  test('the checks decide, each with its output, on a clean checkout that is gone afterwards', async () => {
    const sha = await origin.commit({ 'answer.txt': 'right\n' });
    const passed = await verify(sha, ['make -s test', 'echo out; echo err >&2; git status --porcelain; git rev-parse HEAD']);
    expect(passed).toMatchObject({ verdict: 'passed', restored: [], checks: [{ exitCode: 0 }, { exitCode: 0 }] });
    expect(passed.checks[1]?.output.split('\n').sort()).toEqual(['', 'err', 'out', sha].sort());
    const failed = await verify(base, ['make -s test', 'true']);
    expect(failed.verdict).toBe('failed');
    expect(failed.checks.map(({ exitCode }) => exitCode)).toEqual([2, 0]);
    await nothingLeft();
  });

  test('checks that are killed before they began say nothing of the work', async () => {
    const sha = await origin.commit({ 'ci/check.sh': 'exit 0\n' });
    const killing: Sandbox = { ...sandbox, spawn: (spec) => sandbox.spawn({ ...spec, args: ['-c', 'kill -KILL $$'] }) };
    const config = { repositories: [{ id: 'repo', repositoryPath: origin.path }] };
    jobs = await jobsFor({ home: join(home.path, 'home'), db: database.db, sandbox: killing, config });
    await expect(verify(sha, ['sh ci/check.sh'])).rejects.toMatchObject({ failure: { class: 'sandbox_lost' } });
    await nothingLeft();
  });

  test.runIf(sandbox === bestSandbox).each<[string, string, Record<string, string | null>, string[]]>([
    ['the script', 'npm test', { 'package.json': manifest({ test: 'exit 0', unit: 'exit 0' }) }, ['package.json']],
    ['a script it calls', 'npm test', { 'package.json': manifest({ test: 'npm run --silent unit', unit: 'exit 0' }) }, ['package.json']],
    [
      'a hook before it',
      'npm test',
      { 'package.json': manifest({ test: 'npm run --silent unit', unit: 'sh ci/check.sh', pretest: 'echo right > answer.txt' }) },
      ['package.json'],
    ],
    ['the file it runs', 'npm test', { 'ci/check.sh': 'exit 0\n' }, ['ci/check.sh']],
    ['the shell that runs it', 'npm test', { '.npmrc': 'script-shell=/bin/true\n' }, ['.npmrc']],
    ['the Makefile', 'make -s test', { Makefile: 'test:\n\ttrue\n' }, ['Makefile']],
    ['the Makefile that is read first', 'make -s test', { GNUmakefile: 'test:\n\ttrue\n' }, ['GNUmakefile']],
    ['the directory of its script by a link', 'sh ci/check.sh', { 'ci/check.sh': null, 'elsewhere/check.sh': 'exit 0\n' }, ['ci/check.sh']],
  ])('work that rewrites %s does not pass', async (what, command, files, restored) => {
    await origin.commit(files);
    if (what.includes('link')) {
      await origin.git('update-index', '--add', '--cacheinfo', '120000', await blobOf('elsewhere'), 'ci');
      await origin.git('commit', '--quiet', '-m', 'link');
    }
    const sha = await origin.git('rev-parse', 'HEAD');
    const result = await verify(sha, [command]);
    expect(result).toMatchObject({ verdict: 'failed', restored });
  });

  async function blobOf(text: string): Promise<string> {
    const file = join(home.path, 'blob');
    await writeFile(file, text);
    return origin.git('hash-object', '-w', file);
  }

  test('neither setup nor an earlier check can change what a later one is', async () => {
    const sha = await origin.commit({ 'answer.txt': 'wrong still\n' });
    const spoil = `echo 'exit 0' > ci/check.sh; printf 'test:\\n\\ttrue\\n' > GNUmakefile`;
    const result = await verify(sha, [spoil, 'sh ci/check.sh', 'make -s test'], { setup: { command: spoil } });
    expect(result.verdict).toBe('failed');
    expect(result.checks.map(({ exitCode }) => exitCode)).toEqual([0, 1, 2]);
  });

  test('a process that a check leaves behind is gone before the next', async () => {
    const mark = `mark-${jobs.runPrefix}`;
    const result = await verify(base, [`setsid sh -c 'sleep 600; : ${mark}' >/dev/null 2>&1 & true`, 'true']);
    expect(result.verdict).toBe('passed');
    expect(await processesWith(mark)).toEqual([]);
  });

  test('a program that is not installed is no verdict; one that a check does not find is', async () => {
    expect(await verify(base, ['no-such-tool --test'])).toMatchObject({
      verdict: 'not_run',
      reason: 'no-such-tool is not installed on this host',
      checks: [{ exitCode: 127 }],
    });
    expect(await verify(base, [`sh -c 'no-such-tool'`])).toMatchObject({ verdict: 'failed' });
    expect(await verify(base, ['no-such-tool', 'false'])).toMatchObject({ verdict: 'failed' });
    expect(await verify(base, ['exit 127'])).toMatchObject({ verdict: 'failed' });
    expect(await verify(base, [])).toMatchObject({ verdict: 'not_run' });
  });

  test('checks that take too long have failed, and nothing of them is left', async () => {
    const mark = `mark-${jobs.runPrefix}`;
    const result = await verify(base, ['true', `echo begun; sh -c 'sleep 600; : ${mark}'`, 'true'], { timeoutMs: 8_000 });
    expect(result).toMatchObject({ verdict: 'failed', reason: 'timed out' });
    expect(result.checks.map(({ exitCode }) => exitCode)).toEqual([0, null]);
    expect(result.checks[1]?.output).toMatch(/^begun\n\n\[timed out after /);
    expect(await processesWith(mark)).toEqual([]);
    await nothingLeft();
  });

  test('a stop ends a check and takes its checkout away', async () => {
    const mark = `mark-${jobs.runPrefix}`;
    const stop = abortable();
    const running = jobs.run('verify', await payload(base, [`trap '' TERM INT; sh -c 'sleep 600; : ${mark}'`]), stop.signal);
    running.catch(() => undefined);
    await until('it runs', async () => (await processesWith(mark)).length > 0);
    const at = Date.now();
    stop.abort();
    await expect(running).rejects.toThrow('Stopped.');
    expect(Date.now() - at).toBeLessThan(2_000);
    expect(await processesWith(mark)).toEqual([]);
    await nothingLeft();
  });

  test('a flood of output keeps its end', async () => {
    const result = await verify(base, ['head -c 50000000 /dev/zero | tr "\\\\0" x; echo; echo the end']);
    expect(result.verdict).toBe('passed');
    expect(result.checks[0]?.output).toMatch(/^\[\d+ bytes cut\] … x+\nthe end\n$/);
    expect(result.checks[0]?.output.length).toBeLessThan(9_000);
  });

  test('a failing setup is a failed check', async () => {
    const result = await verify(base, ['true'], { setup: { command: 'echo no lock file; exit 4' } });
    expect(result).toMatchObject({
      verdict: 'failed',
      checks: [{ command: 'echo no lock file; exit 4', exitCode: 4, output: 'no lock file\n' }],
    });
  });

  test('secrets of the service are not in the environment of checks', async () => {
    process.env['GITHUB_TOKEN'] = 'ghp_secret';
    try {
      const result = await verify(base, ['env']);
      expect(result.checks[0]?.output).not.toContain('ghp_secret');
      expect(result.checks[0]?.output).toContain('CI=true');
    } finally {
      delete process.env['GITHUB_TOKEN'];
    }
  });

  test('a commit that is not there is an error, not a verdict', async () => {
    const outcome = jobs.run('verify', await payload('1'.repeat(40), ['true']));
    await expect(outcome).rejects.toThrow('is not in the repository');
  });

  test('what an earlier service was checking in is swept', async () => {
    const mirror = await jobs.checkouts.mirror({ id: 'repo', repositoryPath: origin.path });
    await mirror.fetch();
    await jobs.checkouts.create({ mirror, name: 'verify-old', sha: base, branch: 'x', purpose: 'verify' });
    const work = await jobs.checkouts.create({ mirror, name: 'task', sha: base, branch: 'cyrus/x' });
    await verify(base, ['true']);
    expect((await jobs.checkouts.list()).map(({ name }) => name)).toEqual(['task']);
    expect(await readFile(join(work.directory, 'answer.txt'), 'utf8')).toBe('wrong\n');
  });

  test.runIf(sandbox.isolation === 'bwrap')('a hostile check sees and changes nothing of the host', async () => {
    const secret = join(home.path, 'secret');
    await writeFile(secret, 'hush');
    const objects = join(home.path, 'home/repos/repo.git/objects');
    const hostile = [
      `cat ${secret}`,
      `echo x > ${objects}/evil`,
      `echo x > ${join(home.path, 'home/checkouts/evil')}`,
      `ls ${home.path}/origin`,
    ];
    const result = await verify(base, hostile);
    // The third lands in a directory of the sandbox's own.
    expect(result.checks.map(({ exitCode }) => exitCode === 0)).toEqual([false, false, true, false]);
    expect(result.checks.map(({ output }) => output).join()).not.toContain('hush');
    expect(await readdir(objects)).not.toContain('evil');
    expect(await readdir(join(home.path, 'home/checkouts'))).not.toContain('evil');
  });
});
