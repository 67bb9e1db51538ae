import { execFileSync } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bundle } from './support/bundle.ts';
import { textOf } from './support/linear.ts';
import { change, commit, shell, write } from './support/model.ts';
import { workingIn } from './support/processes.ts';
import { plainEnvironment, type Ran, runToEnd } from './support/program.ts';
import { until } from './support/until.ts';
import { World } from './support/world.ts';

const bin = fileURLToPath(new URL('../apps/cli/bin/cyrus.js', import.meta.url));
const untilReleased = 'until [ -e .git/released ]; do sleep 0.05; done';

let world: World;
beforeAll(async () => {
  world = await World.open({ config: { drainMs: 20_000 } });
});
afterAll(() => world?.close());

const agents = async (): Promise<number> => (await workingIn(`${world.home}/checkouts`)).length;

async function release(): Promise<void> {
  const [checkout] = await until('a checkout', async () => {
    const found = await world.checkouts('work');
    return found.length > 0 && found;
  });
  await writeFile(join(checkout ?? '', '.git', 'released'), '');
}

/** Begins an issue and waits until its agent is at a command that ends when it is released. */
async function begin(title: string): Promise<string> {
  const { linear, model } = world;
  await model.script(title, [write('part.txt', 'part'), commit('Part'), shell(untilReleased), ...change('rest.txt', 'rest', 'All of it.')]);
  const issue = await linear.assign({ title });
  await until('the agent to be at its command', async () => (await model.requestsAbout(title)).length >= 3);
  await until('its processes', async () => (await agents()) > 0);
  return issue;
}

async function holdOneAnswer(issue: string): Promise<void> {
  const { linear, github } = world;
  expect((await linear.closing(issue)).body).toMatch(/^✅ All of it\./);
  expect(await linear.closings(issue)).toHaveLength(1);
  const pulls = await github.pulls('app', issue);
  expect(pulls).toHaveLength(1);
  const subjects = (await github.git('app', 'log', '--format=%s', `main..${pulls[0]?.head}`)).trim().split('\n');
  expect(subjects).toEqual(['Add rest.txt', 'Part']);
  const said = (await linear.activities(issue)).map(textOf);
  expect(new Set(said).size).toBe(said.length);
}

test('a second start on the same home names the first and exits 1; the first goes on', async () => {
  const second = await world.cyrus('start');
  expect(second.code).toBe(1);
  expect(second.stderr).toContain(String(world.service.pid));
  expect((await fetch(`${world.url}/readyz`)).status).toBe(200);
});

test('a taken port: said with the port and the key to change, exit 1', async () => {
  const other = join(world.directory, 'other-home');
  await mkdir(other);
  const { port } = new URL(world.url);
  await writeFile(join(other, 'config.json'), JSON.stringify({ server: { port: Number(port) }, allowUnsandboxed: true }));
  const { main } = await bundle();
  const environment = plainEnvironment({ CYRUS_STATE_DIR: join(world.directory, 'state') });
  const ran = await runToEnd(process.execPath, [main, '--home', other, 'start'], { environment });
  expect(ran.code).toBe(1);
  expect(ran.stderr).toContain(`Port ${port} on 127.0.0.1 is taken`);
  expect(ran.stderr).toMatch(/fix:.*server\.port/);
});

test('SIGTERM lets the agent come to its end, exits 0, and the next start finishes the issue', async () => {
  const issue = await begin('Drain me');
  world.service.child.kill('SIGTERM');
  await until('the draining to be said', () => /Draining: agents get 20 s/.test(world.service.stderr()));
  await release();
  expect(await world.service.exited).toBe(0);
  expect(await agents()).toBe(0);
  const before = (await world.model.requestsAbout('Drain me')).length;
  await world.start();
  await holdOneAnswer(issue);
  expect((await world.model.requestsAbout('Drain me')).length).toBe(before);
});

test('a second signal ends it at once, with its agents; the next start goes on', async () => {
  const issue = await begin('Hurry up');
  world.service.child.kill('SIGTERM');
  await until('the draining to be said', () => /Draining/.test(world.service.stderr()));
  world.service.child.kill('SIGTERM');
  expect(await world.service.exited).toBe(1);
  await until('the agents to be gone', async () => (await agents()) === 0);
  await world.start();
  await release();
  await holdOneAnswer(issue);
});

test('killed with -9 its agents end with it; the next start goes on from what was committed', async () => {
  const issue = await begin('Kill me');
  await world.service.kill();
  await until('the agents to be gone', async () => (await agents()) === 0);
  await world.start();
  await world.linear.seen(issue, /The run was cut off\. Going on from where it was\./);
  await release();
  await holdOneAnswer(issue);
  expect(await world.linear.violations()).toEqual([]);
});

test('every mistake of a configuration is told at once, exit 78', async () => {
  const home = join(world.directory, 'wrong-home');
  await mkdir(home);
  const config = { server: { port: 'many' }, repositories: [{ name: 'no id' }], limits: { maxCostPerDayUsd: -1 }, logLevel: 'loud' };
  await writeFile(join(home, 'config.json'), JSON.stringify(config));
  const { main } = await bundle();
  for (const args of [['start'], ['status'], ['config', 'validate']]) {
    const ran = await runToEnd(process.execPath, [main, '--home', home, ...args]);
    expect(ran.code).toBe(78);
    expect(ran.stderr).toMatch(/[4-9] mistakes/);
    for (const path of ['server.port', 'repositories[0].id', 'limits.maxCostPerDayUsd', 'logLevel']) expect(ran.stderr).toContain(path);
    expect(ran.stderr).not.toContain('    at ');
  }
});

test('an old Node is told in one line what is needed, exit 78', async () => {
  const fake = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.11.1' } });
    Object.defineProperty(process, 'version', { value: 'v20.11.1' });
    import(${JSON.stringify(bin)});`;
  const ran: Ran[] = [await runToEnd(process.execPath, ['-e', fake])];
  for (const node of ['/usr/bin/node', '/usr/local/bin/node']) if (isOld(node)) ran.push(await runToEnd(node, [bin, 'start']));
  for (const { code, stdout, stderr } of ran) {
    expect(code).toBe(78);
    expect(stdout).toBe('');
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stderr).toMatch(/^cyrus needs Node\.js >= 22\.12; this is v\d+/);
  }
});

function isOld(node: string): boolean {
  try {
    const [major = 0, minor = 0] = execFileSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' }).split('.').map(Number);
    return major < 22 || (major === 22 && minor < 12);
  } catch {
    return false;
  }
}

test('without bubblewrap start and run refuse with 78 and say what to do, unless it is allowed', async () => {
  const [path, home] = [join(world.directory, 'bin'), join(world.directory, 'bare-home')];
  await Promise.all([mkdir(path), mkdir(home)]);
  for (const tool of ['git', 'sh'])
    await symlink(execFileSync('sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).trim(), join(path, tool));
  await writeFile(join(home, 'config.json'), JSON.stringify({ server: { port: 0 } }));
  const { main } = await bundle();
  const environment = plainEnvironment({ PATH: path, CYRUS_STATE_DIR: join(world.directory, 'state') });
  for (const args of [['start'], ['run', '--task', 'anything', '--repo', world.directory]]) {
    const ran = await runToEnd(process.execPath, [main, '--home', home, ...args], { environment });
    expect(ran.code).toBe(78);
    expect(ran.stderr).toMatch(/error: Agents cannot be isolated on this machine: bubblewrap is not installed/);
    expect(ran.stderr).toMatch(/fix: .*apt-get install bubblewrap.*"allowUnsandboxed": true/);
  }
  const doctor = await runToEnd(process.execPath, [main, '--home', home, 'doctor', '--json'], { environment });
  expect(doctor.stdout).toMatch(/bubblewrap/);
  // One that is asked for by name is held to: nothing takes its place, nor does none.
  await writeFile(join(home, 'config.json'), JSON.stringify({ allowUnsandboxed: true, sandbox: { isolation: 'container' } }));
  const held = await runToEnd(process.execPath, [main, '--home', home, 'run', '--task', 'anything', '--repo', world.directory], {
    environment,
  });
  expect(held.code).toBe(78);
  expect(held.stderr).toMatch(/error: Agents cannot be isolated on this machine: No container engine works here/);
  expect(held.stderr).toMatch(/fix: .*take "isolation": "container" out of "sandbox"/);
});
