import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { scriptedAgent } from '../../../e2e/support/agent.ts';
import { bundle } from '../../../e2e/support/bundle.ts';
import { change, Model } from '../../../e2e/support/model.ts';
import { type Program, plainEnvironment, type Ran, runToEnd, startProgram } from '../../../e2e/support/program.ts';
import { plainRepository } from '../../../e2e/support/world.ts';

let directory: string;
let main: string;
let model: Program;

beforeAll(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), 'cyrus-run-')));
  const programs = await bundle();
  main = programs.main;
  model = await startProgram([join(programs.standIns, 'model.js')]);
  await runToEnd('chmod', ['711', directory]);
});
afterAll(async () => {
  await model?.end();
  await rm(directory, { recursive: true, force: true });
});

const git = async (cwd: string, ...args: string[]): Promise<string> => {
  const environment = plainEnvironment({ GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' });
  const identity = ['-c', 'user.name=Ada', '-c', 'user.email=ada@localhost'];
  const ran = await runToEnd('git', [...identity, ...args], { cwd, environment });
  if (ran.code !== 0) throw new Error(`git ${args.join(' ')}: ${ran.stderr}`);
  return ran.stdout.trim();
};

/** A repository of the user's, with work in it that is not committed. */
async function repository(name: string): Promise<string> {
  const path = join(directory, name);
  await mkdir(path);
  for (const [file, text] of Object.entries(plainRepository)) await writeFile(join(path, file), text);
  await git(path, 'init', '-q', '-b', 'main');
  await git(path, 'add', '.');
  await git(path, 'commit', '-q', '-m', 'Begin');
  await writeFile(join(path, 'mine.txt'), 'not committed');
  await writeFile(join(path, 'check.js'), '// changed, not committed\n');
  return path;
}

async function cyrus(config: object, environment: Readonly<Record<string, string>>, ...args: string[]): Promise<Ran> {
  const home = join(directory, 'home');
  await mkdir(home, { recursive: true });
  await writeFile(join(home, 'config.json'), JSON.stringify({ allowUnsandboxed: true, ...config }));
  return runToEnd(process.execPath, [main, '--home', home, ...args], {
    environment: plainEnvironment({ CYRUS_STATE_DIR: join(directory, 'state'), ...environment }),
    cwd: directory,
  });
}

const scripted = { executors: { scripted: scriptedAgent({ file: 'told.txt' }) }, executor: 'scripted' };

test('one task: progress on stderr, the answer, the branch and its diff on stdout; the user’s files stay as they are', async () => {
  const repo = await repository('plain');
  const ran = await cyrus(scripted, {}, 'run', '--task', 'Write down "this"; $(nothing)', '--repo', repo);
  expect(ran.code, ran.stderr).toBe(0);
  expect(ran.stdout).toMatch(/^✅ Written down\./);
  expect(ran.stdout).toMatch(/\*\*Checks:\*\* `npm test` passed/);
  const branch = /Branch (cyrus\/\S+) \([0-9a-f]{10}\) is in/.exec(ran.stdout)?.[1];
  expect(ran.stdout).toContain('+++ b/told.txt');
  expect(ran.stderr).toMatch(/plan .* → running/);
  expect(ran.stderr).toContain('agent: I begin.');

  expect(await git(repo, 'show', `${branch}:told.txt`)).toContain('Write down "this"; $(nothing)');
  expect(await git(repo, 'rev-parse', '--abbrev-ref', 'HEAD')).toBe('main');
  expect(await git(repo, 'status', '--porcelain')).toBe('M check.js\n?? mine.txt');
  expect(await git(repo, 'log', '--format=%s', 'main')).toBe('Begin');
});

test('with --json one object on stdout, and --base names where to start', async () => {
  const repo = await repository('json');
  await git(repo, 'branch', 'older');
  await git(repo, 'commit', '-q', '--allow-empty', '-m', 'Newer');
  const ran = await cyrus(scripted, {}, 'run', '--task', 'Write', '--repo', repo, '--base', 'older', '--json');
  expect(ran.code, ran.stderr).toBe(0);
  const result = JSON.parse(ran.stdout) as {
    ok: boolean;
    state: string;
    branch: string;
    sha: string;
    diff: string;
    answer: { kind: string };
  };
  expect(result).toMatchObject({ ok: true, state: 'done', answer: { kind: 'response' } });
  expect(result.diff).toContain('+++ b/told.txt');
  expect(await git(repo, 'rev-parse', result.branch)).toBe(result.sha);
  expect(await git(repo, 'log', '--format=%s', result.branch)).toBe('Write it down\nBegin');
});

test('with the real agent, the model’s address from the environment', async () => {
  const repo = await repository('claude');
  await new Model(model).script('Make a list', change('list.txt', '- one', 'The list is made.'));
  const environment = { CYRUS_CLAUDE_API_URL: String(model.ready['url']), ANTHROPIC_API_KEY: 'a-key' };
  const ran = await cyrus({}, environment, 'run', '--task', 'Make a list', '--repo', repo);
  expect(ran.code, ran.stderr).toBe(0);
  expect(ran.stdout).toMatch(/^✅ The list is made\./);
  expect(ran.stdout).toContain('+- one');
  expect(ran.stdout).toMatch(/\*\*Cost:\*\* \$0\.\d+/);
});

test('work whose checks fail exits 1 and says what is kept', async () => {
  const repo = await repository('failing');
  const config = {
    executors: { scripted: scriptedAgent({ file: 'broken.txt' }) },
    executor: 'scripted',
    limits: { maxAttemptsPerTask: 1 },
  };
  const ran = await cyrus(config, {}, 'run', '--task', 'Break it', '--repo', repo);
  expect(ran.code).toBe(1);
  expect(ran.stdout).toMatch(/^❌ `npm test` still fails after 1 attempt\./);
  expect(ran.stdout).toContain('broken: ');
  expect(await git(repo, 'branch', '--list', 'cyrus/*')).toBe('');
});

test.each([
  ['a directory that is not there', ['--task', 'x', '--repo', '/no/such/directory'], 2, /There is no directory \/no\/such\/directory/],
  ['no task', [], 2, /--task/],
  ['an empty task', ['--task', '  '], 2, /The task is empty/],
  ['a directory without a repository', ['--task', 'x', '--repo', '.'], 1, /./],
])('%s', async (_name, args, code, message) => {
  const ran = await cyrus(scripted, {}, 'run', ...args);
  expect(ran.code).toBe(code);
  expect(`${ran.stderr}${ran.stdout}`).toMatch(message);
  expect(ran.stderr).not.toContain('    at ');
});
