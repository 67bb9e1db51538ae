import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { scriptedAgent } from '../../../e2e/support/agent.ts';
import { bundle } from '../../../e2e/support/bundle.ts';
import { openWorldDatabase } from '../../../e2e/support/database.ts';
import { workingIn } from '../../../e2e/support/processes.ts';
import { plainEnvironment, runToEnd } from '../../../e2e/support/program.ts';
import { until } from '../../../e2e/support/until.ts';
import { World } from '../../../e2e/support/world.ts';

let world: World;
let done: string;
let waiting: string;

beforeAll(async () => {
  world = await World.open({
    config: {
      executors: { quick: scriptedAgent({ file: 'a.txt' }), patient: scriptedAgent({ file: 'b.txt', wait: true }) },
      executor: 'quick',
    },
  });
  done = await world.linear.assign({ title: 'The quick one', labels: ['Bug'] });
  await world.linear.closing(done);
  waiting = await world.linear.assign({ title: 'The patient one', description: '[agent=patient]' });
  await world.linear.seen(waiting, /Starting on \*\*patient\*\*/);
  await until('the agent to wait', async () => (await workingIn(`${world.home}/checkouts`)).length > 0);
  // Its working copy is there before it is.
  await until('the agent to be at work', async () => (await world.cyrus('status')).stdout.includes('Agents: 1 of'));
});
afterAll(() => world?.close());

test('status: running, what waits, what was spent', async () => {
  const { code, stdout } = await world.cyrus('status');
  expect(code).toBe(0);
  expect(stdout).toContain(`(pid ${world.service.pid},`);
  expect(stdout).toMatch(/Agents: 1 of \d+/);
  expect(stdout).toMatch(/Plans: 1 under way, 1 done, 0 failed, 0 stopped · open turns: 1/);
  const json = JSON.parse((await world.cyrus('status', '--json')).stdout) as object;
  expect(json).toMatchObject({ running: true, openTurns: 1, plans: { done: 1, running: 1 }, failures: [], strategy: 'local-only' });
  expect(stdout).toMatch(/Executors:\n( .*\n)* +patient +local +1 of \d+ +\S+ +ready/);
  const { executors } = JSON.parse((await world.cyrus('status', '--check', '--json')).stdout) as { executors: readonly { id: string }[] };
  expect(executors.map(({ id }) => id)).toEqual(expect.arrayContaining(['claude', 'quick', 'patient']));
  expect(executors.find(({ id }) => id === 'quick')).toMatchObject({ running: 0, condition: 'ready', health: { state: 'ready' } });
});

test('tasks: newest first, --live only what is under way, --limit', async () => {
  const { code, stdout } = await world.cyrus('tasks');
  expect(code).toBe(0);
  const [head, ...lines] = stdout.trim().split('\n');
  expect(head).toMatch(/^ISSUE +STATE +KIND +REPOSITORY +EXECUTOR +TIME +COST/);
  expect(lines[0]).toMatch(new RegExp(`^${waiting} +running +builder +app +patient`));
  expect(lines[1]).toMatch(new RegExp(`^${done} +done +debugger +app +quick .*pull/`));
  const live = JSON.parse((await world.cyrus('tasks', '--live', '--json')).stdout) as readonly { identifier: string }[];
  expect(live.map((row) => row.identifier)).toEqual([waiting]);
  expect((await world.cyrus('tasks', '--limit', '1')).stdout.trim().split('\n')).toHaveLength(2);
  expect((await world.cyrus('tasks', '--limit', 'none')).code).toBe(2);
});

test('logs: every step of a task in its order, as lines and as JSON', async () => {
  const { code, stdout } = await world.cyrus('logs', done);
  expect(code).toBe(0);
  const places = [
    /plan drafting → proposed/,
    /attempt reserved → starting/,
    /agent: I begin\./,
    /task merging → done/,
    /plan verifying → done/,
    /answer \(response\)/,
  ];
  const at = places.map((pattern) => stdout.search(pattern));
  expect(at.every((place) => place >= 0)).toBe(true);
  expect(at).toEqual([...at].sort((a, b) => a - b));
  const numbers = (await world.cyrus('logs', done, '--json')).stdout
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { number: number }).number);
  expect(numbers.length).toBeGreaterThan(10);
  expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
});

test('logs shows what is committed, whether or not the service has numbered it yet', async () => {
  const db = await openWorldDatabase(world);
  try {
    await db.query("insert into cyrus.event (type, plan_id) select 'tried', id from cyrus.plan");
    const types = (await world.cyrus('logs', done, '--json')).stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { type: string }).type);
    expect(types.at(-1)).toBe('tried');
  } finally {
    await db.close();
  }
});

test('explain: who got each attempt and why, what else there was, what was expected and what it was', async () => {
  const { code, stdout } = await world.cyrus('explain', waiting);
  expect(code).toBe(0);
  expect(stdout).toMatch(
    new RegExp(`^${waiting} The patient one \\(app, running\\)\n\nTaken for a small task, a change of the code \\(builder\\)\n`),
  );
  expect(stdout).toMatch(/^Attempt 1: patient \(chosen at \d\d:\d\d:\d\d, strategy local-only\)\n {2}why {7}asked for in the issue\n/m);
  expect(stdout).toMatch(/^ {2}expected {2}about \$\d.* and \d+m \d\ds.*; \d of 10 succeed; /m);
  expect(stdout).toMatch(/^ {2}was {7}running: no cost known, .* so far$/m);
  expect(stdout).toMatch(/^ {2}instead {3}claude could have: it comes later in the order/m);
  expect(JSON.parse((await world.cyrus('explain', done, '--json')).stdout)).toMatchObject({
    task: { identifier: done },
    analysis: { type: 'debugger' },
    decisions: [{ number: 1, executorId: 'quick', state: 'succeeded', strategy: 'local-only', reason: 'the default executor' }],
  });
  expect((await world.cyrus('explain', 'ENG-99')).code).toBe(1);
});

test('stop and logs -f: following goes on until the stopped task has ended', async () => {
  const { main } = await bundle();
  const environment = plainEnvironment({ CYRUS_STATE_DIR: join(world.directory, 'state') });
  const following = spawn(process.execPath, [main, '--home', world.home, 'logs', waiting, '-f'], {
    env: { ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let seen = '';
  following.stdout.setEncoding('utf8').on('data', (text: string) => {
    seen += text;
  });
  const ended = new Promise<number | null>((resolve) => following.once('close', resolve));
  await until('the log to be followed', () => seen.includes('agent: I begin.'));
  const stop = await world.cyrus('stop', waiting, '--json');
  expect(stop.code).toBe(0);
  expect(JSON.parse(stop.stdout)).toMatchObject({ identifier: waiting, stop: 'requested' });
  expect(await ended).toBe(0);
  expect(seen).toMatch(/plan running → stopped\n[\s\S]*answer \(response\): Stopped/);
  expect((await world.linear.closing(waiting)).body).toMatch(/^Stopped as \S+ asked\./);
  await until('the agent to be gone', async () => (await workingIn(`${world.home}/checkouts`)).length === 0);

  const again = await world.cyrus('stop', waiting);
  expect(again.code).toBe(1);
  expect(again.stderr).toContain(`${waiting} is not running: it is stopped.`);
  expect((await world.cyrus('logs', 'ENG-99')).stderr).toContain('There is no task "ENG-99"');
});

test('every command shows an example, with options that it has; what it refuses names its help', async () => {
  const commandsIn = (help: string): readonly string[] =>
    [...help.matchAll(/^ {2}([a-z][a-z-]*)(?: \[options\]| \[command\]| <| {2}|$)/gm)].map(([, name = '']) => name);
  const groups = ['linear', 'codegen', 'config', 'executor', 'prompts'];
  const top = commandsIn((await world.cyrus('--help')).stdout).filter((name) => name !== 'help');
  expect(top).toEqual(expect.arrayContaining(['start', 'cost-report', 'answer', ...groups]));
  const all: string[][] = [];
  for (const name of top) {
    if (!groups.includes(name)) all.push([name]);
    else for (const inner of commandsIn((await world.cyrus(name, '--help')).stdout)) if (inner !== 'help') all.push([name, inner]);
  }
  for (const path of all) {
    const help = (await world.cyrus(...path, '--help')).stdout;
    const given = help.split('For example:\n')[1] ?? '';
    expect(given, path.join(' ')).toContain(`cyrus ${path[0] === 'restore' || path[0] === 'start' ? '' : path.join(' ')}`);
    for (const [option] of given.matchAll(/ --?[a-z][a-z-]*/g))
      if (option !== ' --home' && option !== ' --json"')
        expect(help.split('For example:')[0], `${path.join(' ')}${option}`).toContain(option.trim());
  }
  const refused = await world.cyrus('explain');
  expect(refused).toMatchObject({ code: 2 });
  expect(refused.stderr).toContain('See: cyrus explain --help');
});

test('config validate: valid, or every mistake with 78', async () => {
  const valid = await world.cyrus('config', 'validate');
  expect(valid).toMatchObject({ code: 0, stdout: `${join(world.home, 'config.json')} is valid: 1 repository.\n` });
  const file = join(world.directory, 'wrong.json');
  await writeFile(file, '{"server": {"port": "x"}, "drainMs": -1}');
  const wrong = await world.cyrus('config', 'validate', file, '--json');
  expect(wrong.code).toBe(78);
  const { ok, errors } = JSON.parse(wrong.stdout) as { ok: boolean; errors: readonly { path: string }[] };
  expect(ok).toBe(false);
  expect(errors.map((error) => error.path).sort()).toEqual(['drainMs', 'server.port']);
  await writeFile(file, '{"server": {');
  expect((await world.cyrus('config', 'validate', file)).stderr).toMatch(/line 1, column \d+/);
  expect((await world.cyrus('config', 'validate', '/no/such/file')).code).toBe(78);
});

test('doctor: a line for each thing, with what to do; --json', async () => {
  const { stdout } = await world.cyrus('doctor', '--json');
  const report = JSON.parse(stdout) as { ok: boolean; findings: readonly { name: string; state: string; detail: string }[] };
  expect(report.findings.filter((finding) => finding.state === 'error')).toEqual([]);
  expect(report.ok).toBe(true);
  const text = await world.cyrus('doctor');
  expect(text.code).toBe(0);
  expect(text.stdout).toMatch(/^✓ /m);
  expect(text.stdout).toMatch(/^Ready/m);
  for (const secret of ['e2e-github-token', 'lin_oauth_app', 'e2e-model-key']) expect(text.stdout + stdout).not.toContain(secret);
});

test('doctor fails, with 1, on what is wrong', async () => {
  const { main } = await bundle();
  const environment = plainEnvironment({
    CYRUS_STATE_DIR: join(world.directory, 'state'),
    CYRUS_LINEAR_API_URL: 'http://127.0.0.1:9/graphql',
  });
  const ran = await runToEnd(process.execPath, [main, '--home', world.home, 'doctor'], { environment });
  expect(ran.code).toBe(1);
  expect(ran.stdout).toMatch(/^✗ .*Linear/m);
  expect(ran.stdout).toMatch(/to mend\./);
});

test('help, version, and what there is not', async () => {
  const help = await world.cyrus('--help');
  expect(help.code).toBe(0);
  for (const name of ['start', 'demo', 'run', 'status', 'tasks', 'logs', 'stop', 'doctor', 'config'])
    expect(help.stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
  expect((await world.cyrus('run', '--help')).stdout).toContain('--repo');
  expect((await world.cyrus('--version')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  for (const args of [['nonsense'], ['--nonsense'], ['logs'], ['tasks', '--nonsense'], ['config', 'nonsense']]) {
    const ran = await world.cyrus(...args);
    expect(ran.code, args.join(' ')).toBe(2);
    expect(ran.stdout).toBe('');
    expect(ran.stderr).toMatch(/cyrus (?:\w+ )?--help/);
  }
});

test('no colour without a terminal; with one, none with NO_COLOR', async () => {
  const sequence = '\u001b[';
  expect((await world.cyrus('tasks')).stdout).not.toContain(sequence);
  const { main } = await bundle();
  const command = `'${process.execPath}' '${main}' --home '${world.home}' tasks`;
  const onTerminal = (more: Readonly<Record<string, string>>): Promise<string> =>
    runToEnd('script', ['-qec', command, '/dev/null'], {
      environment: plainEnvironment({ CYRUS_STATE_DIR: join(world.directory, 'state'), TERM: 'xterm', ...more }),
    }).then(
      (ran) => ran.stdout,
      () => '',
    );
  const coloured = await onTerminal({});
  if (coloured === '') return expect(coloured).toBe(''); // No `script` on this machine: there is no terminal to try it on.
  expect(coloured).toContain(sequence);
  expect(await onTerminal({ NO_COLOR: '1' })).not.toContain(sequence);
});

test('without a service the commands start the database for as long as they take', async () => {
  await world.service.end();
  const { code, stdout } = await world.cyrus('status');
  expect(code).toBe(0);
  expect(stdout).toContain('Not running. Start it with: cyrus start');
  expect((await world.cyrus('tasks', '--json')).code).toBe(0);
});
