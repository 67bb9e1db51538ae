import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { systemClock } from 'cyrus-core/clock';
import type { Sandbox } from 'cyrus-core/ports/sandbox';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createContainer } from '../src/container.ts';
import { askEngine } from '../src/container-engine.ts';
import { detectContainer } from '../src/detect-container.ts';
import { createSandbox } from '../src/sandbox.ts';
import { eventually, outcome, processesWith, specOf, uniqueSleep } from './hosts.ts';

// Not asked for by CYRUS_NO_SKIP: engines need more of a host than a check can bring.
const found = await detectContainer(systemClock, process.env['PATH'] ?? '', {});
const engine = 'engine' in found ? found.engine : undefined;
const sandbox: Sandbox =
  'engine' in found ? createContainer({ clock: systemClock, ...found }) : createSandbox({ isolation: 'none', clock: systemClock });

let base: string;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'container-'));
});
afterEach(() => rm(base, { recursive: true, force: true }));

const shell = (script: string, given: Partial<Parameters<typeof specOf>[0]> = {}) =>
  outcome(sandbox.spawn(specOf({ runId: 'view', args: ['-c', script], ...given })));
const node = { command: process.execPath, readable: [dirname(dirname(process.execPath))] };

describe.skipIf(engine === undefined)('a container', () => {
  test('writable paths are written by this account, readable ones read, and both keep their name', async () => {
    await mkdir(join(base, 'work/kept'), { recursive: true });
    await mkdir(join(base, 'shared'));
    await writeFile(join(base, 'shared/object'), 'seen');
    const run = await shell('pwd; cat ../shared/object; echo x > made; echo y > ../shared/made; echo z > kept/z', {
      cwd: join(base, 'work'),
      writable: [join(base, 'work')],
      readable: [join(base, 'shared'), join(base, 'work/kept')],
    });
    expect(run.stdout).toBe(`${base}/work\nseen`);
    expect(run.stderr.match(/Read-only file system/g)).toHaveLength(2);
    expect(await readFile(join(base, 'work/made'), 'utf8')).toBe('x\n');
    expect((await stat(join(base, 'work/made'))).uid).toBe(process.getuid?.());
  });

  test('nothing else of the host is there, nothing of the kernel can be set, no capability is held', async () => {
    await mkdir(join(base, 'work'));
    await writeFile(join(base, 'secret'), 'token');
    const script = `for path in ${base}/secret ${userInfo().homedir}/.ssh /etc/shadow /etc/ssl/private /etc/ssh /run/docker.sock /run/podman /proc/${process.pid}; do
        [ -e "$path" ] && echo "visible: $path"; done; kill -0 ${process.pid} 2>/dev/null && echo signalled
      for path in /proc/sys/kernel/core_pattern /proc/sysrq-trigger /sys/kernel/uevent_helper; do
        (echo x >> $path) 2>/dev/null && echo "written: $path"; done
      touch /usr/x /x /etc/x 2>/dev/null && echo system
      grep -E '^Cap(Prm|Eff|Bnd)|^NoNewPrivs' /proc/self/status; ls /tmp | grep -v '^container-'; echo end`;
    const run = await shell(script, { writable: [join(base, 'work')], network: 'none' });
    const none = '0'.repeat(16);
    expect(run.stdout.replaceAll('\t', ' ')).toBe(`CapPrm: ${none}\nCapEff: ${none}\nCapBnd: ${none}\nNoNewPrivs: 1\nend\n`);
  });

  test('the environment is the one given, whatever is in it, and none of it stands in argv', async () => {
    const env = { PATH: '/usr/bin:/bin', SECRET: 'swordfish "$(id)"\n;', LD_PRELOAD: '/nowhere.so', HOME: '/elsewhere' };
    const run = sandbox.spawn(specOf({ runId: 'env-1', command: '/usr/bin/env', args: ['-0'], env }));
    const commandLine = await readFile(`/proc/${run.child.pid}/cmdline`, 'utf8');
    const { stdout } = await outcome(run);
    expect(commandLine).not.toContain('swordfish');
    const seen = stdout.split('\0');
    for (const [name, value] of Object.entries(env)) expect(seen).toContain(`${name}=${value}`);
    expect(seen).toContain('CYRUS_RUN=env-1');
    expect(seen.filter((variable) => variable.startsWith('CYRUS_V'))).toEqual([]);
  });

  test.each([0, 1, 7, 126, 137])('exit code %i comes through', async (code) => {
    expect(await shell(`exit ${code}`)).toMatchObject({ code, signal: null });
  });

  test.each([
    ['a missing path', { readable: ['/does/not/exist'] }, 'does not exist'],
    ['a path the engine cannot be told', { writable: ['a,b'] }, 'comma'],
    ['a variable no shell can set', { env: { 'odd.name': 'o' } }, 'odd.name'],
    ['a directory to start in that is not shown', { cwd: '/root/nowhere' }, 'could not start'],
  ])('%s is a spawn error, not an exit code', async (_, given, message) => {
    await mkdir(join(base, 'a,b'));
    const run = await shell('true', 'writable' in given ? { writable: given.writable.map((path) => join(base, path)) } : given);
    expect({ code: run.code, message: run.spawnError?.message }).toEqual({ code: null, message: expect.stringContaining(message) });
  });

  test('network "none" reaches not even the host; commands of one closed network reach each other and its doors', async () => {
    const host = createHttpServer((_, response) => response.end('host')).listen(0, '127.0.0.1');
    const door = createHttpServer((_, response) => response.end('door')).listen(join(base, 'door'));
    await new Promise((resolve) => host.once('listening', resolve));
    const fetched = (port: number): string =>
      `fetch('http://127.0.0.1:${port}/').then((r) => r.text()).then(console.log, (e) => console.log(e.cause?.code ?? String(e)));`;
    const { port } = host.address() as AddressInfo;
    expect((await shell('', { ...node, args: ['-e', fetched(port)], network: 'none' })).stdout).toBe('ECONNREFUSED\n');
    const network = await sandbox.openNetwork?.({ runId: `net-${process.pid}`, doors: [{ socket: join(base, 'door') }] });
    if (!network) throw new Error('a container closes networks');
    const serving = `require('http').createServer((q, r) => r.end('mate')).listen(20123, '127.0.0.1')`;
    const mate = sandbox.spawn(specOf({ runId: `mate-${process.pid}`, ...node, args: ['-e', serving], network }));
    expect(await eventually(() => network.listens(20_123))).toBe(true);
    const program = `${fetched(port)}${fetched(network.ports[0] ?? 0)}${fetched(20_123)}
      require('dns').lookup('example.com', (e) => console.log(e ? 'no name' : 'name'));`;
    const inside = await shell('', { ...node, args: ['-e', program], network });
    expect(inside.stdout.trim().split('\n').sort()).toEqual(['ECONNREFUSED', 'door', 'mate', 'no name']);
    await mate.kill();
    expect(await network.listens(20_123)).toBe(false);
    await network.close();
    expect((await shell('true', { network })).spawnError?.message).toContain('closed network');
    host.close();
    door.close();
  });

  const deepTree = (length: string): string =>
    `trap '' TERM HUP; (setsid sh -c 'trap "" TERM; setsid sleep ${length} & sleep ${length}' </dev/null >/dev/null 2>&1 &); sleep ${length} & sleep ${length}`;
  const grown = (length: string) => eventually(async () => (await processesWith(`sleep\0${length}`)).length === 4);
  const containers = async (needle: string): Promise<string> =>
    (await askEngine(systemClock, engine?.path ?? '', ['ps', '--all', '--format', '{{.Names}}', '--filter', `name=${needle}`])).stdout;

  test('kill ends the whole tree, also of one that is only being made; its container is gone', async () => {
    const lengths = [uniqueSleep(), uniqueSleep()];
    const runs = lengths.map((length) => sandbox.spawn(specOf({ runId: `kill-${length}`, args: ['-c', deepTree(length)] })));
    await runs[1]?.kill();
    expect(await grown(lengths[0] ?? '')).toBe(true);
    await runs[0]?.kill();
    await runs[0]?.kill();
    expect(await runs[0]?.exited).toEqual({ code: null, signal: 'SIGKILL' });
    expect((await Promise.all(lengths.map(processesWith))).flat()).toEqual([]);
    for (const length of lengths) expect(await eventually(async () => (await containers(`kill-${length}`)) === '')).toBe(true);
  });

  test('what a command leaves in the background is gone when it has exited', async () => {
    const length = uniqueSleep();
    expect((await shell(`setsid sleep ${length} </dev/null >/dev/null 2>&1 & exit 4`)).code).toBe(4);
    expect(await processesWith(`sleep\0${length}`)).toEqual([]);
  });

  test('kill -9 of the service takes its containers with it', async () => {
    const length = uniqueSleep();
    const supervisor = spawn(
      process.execPath,
      ['--conditions=cyrus-source', new URL('./supervisor.ts', import.meta.url).pathname, 'container', deepTree(length)],
      { stdio: 'ignore' },
    );
    expect(await grown(length)).toBe(true);
    supervisor.kill('SIGKILL');
    expect(await eventually(async () => (await processesWith(`sleep\0${length}`)).length === 0)).toBe(true);
  });

  test('leftovers are found by the start of their run id', async () => {
    const [mine, other] = [uniqueSleep(), uniqueSleep()];
    const runs = [`prefix-${mine}-1`, `other-${mine}-1`].map((runId, index) =>
      sandbox.spawn(specOf({ runId, args: ['-c', `sleep ${index === 0 ? mine : other}`] })),
    );
    const up = (length: string) => eventually(async () => (await processesWith(`sleep\0${length}`)).length === 1);
    expect((await up(mine)) && (await up(other))).toBe(true);
    expect(await sandbox.killLeftovers(`prefix-${mine}`)).toBe(1);
    expect([(await processesWith(`sleep\0${mine}`)).length, (await processesWith(`sleep\0${other}`)).length]).toEqual([0, 1]);
    await Promise.all(runs.map((run) => run.kill()));
  });
});
