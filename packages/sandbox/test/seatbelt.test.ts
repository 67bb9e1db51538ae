import { spawn } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from 'cyrus-core/clock';
import type { Sandbox } from 'cyrus-core/ports/sandbox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSeatbelt } from '../src/seatbelt.ts';
import { eventually, outcome, processesWith, specOf, uniqueSleep } from './hosts.ts';

// Elsewhere than on macOS a program in the place of sandbox-exec notes its profile and runs the command: what looks after processes is
// the same. What the profile holds in can be seen on macOS alone.
let base: string;
let program: string;
let sandbox: Sandbox;
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'seatbelt-'));
  program = join(base, 'sandbox-exec');
  await writeFile(program, `#!/bin/sh\n[ "$1" = -p ] || exit 99\nprintf %s "$2" > ${base}/profile\nshift 2\nexec "$@"\n`);
  await chmod(program, 0o755);
  sandbox = createSeatbelt({ clock: systemClock, sandboxExecPath: program });
});
afterAll(() => rm(base, { recursive: true, force: true }));

const deepTree = (length: string): string =>
  `trap '' TERM HUP; (setsid sh -c 'trap "" TERM; setsid sleep ${length} & sleep ${length}' </dev/null >/dev/null 2>&1 &); sleep ${length} & sleep ${length}`;
const grown = (length: string) => eventually(async () => (await processesWith(`sleep\0${length}`)).length === 4);

describe.skipIf(process.platform !== 'linux')('what looks after a command under seatbelt', () => {
  test('streams, directory, environment, exit code and profile', async () => {
    const script = 'read line; echo "$line $A $PWD"; echo problem >&2; touch "$TMPDIR/x"; echo "$TMPDIR"; exit 7';
    const run = sandbox.spawn(
      specOf({ runId: 'r', args: ['-c', script], cwd: base, env: { PATH: '/usr/bin:/bin', A: 'b c' }, writable: [base] }),
    );
    const began = systemClock.now();
    run.child.stdin?.write('hello\n');
    const { code, stdout, stderr } = await outcome(run);
    // Nothing is left, and that is seen: it does not look until it gives up.
    expect(systemClock.now() - began).toBeLessThan(10_000);
    const [said, temporary = ''] = stdout.trim().split('\n');
    expect({ code, said, stderr }).toEqual({ code: 7, said: `hello b c ${base}`, stderr: 'problem\n' });
    const profile = await readFile(join(base, 'profile'), 'utf8');
    expect(profile).toContain(`(allow file-read* file-write* (subpath "${base}"))`);
    expect(profile).toContain(`(subpath "${temporary}")`);
    expect(await readdir(temporary).catch(() => 'gone')).toBe('gone');
  });

  test('a kill, and the end of the command, leave nothing of the tree', async () => {
    const [killed, left] = [uniqueSleep(), uniqueSleep()];
    const run = sandbox.spawn(specOf({ runId: 'k', args: ['-c', deepTree(killed)] }));
    expect(await grown(killed)).toBe(true);
    await run.kill();
    expect(await run.exited).toEqual({ code: null, signal: 'SIGKILL' });
    expect(await processesWith(`sleep\0${killed}`)).toEqual([]);
    const background = await outcome(
      sandbox.spawn(specOf({ runId: 'l', args: ['-c', `setsid sleep ${left} </dev/null >/dev/null 2>&1 & exit 4`] })),
    );
    expect(background.code).toBe(4);
    expect(await processesWith(`sleep\0${left}`)).toEqual([]);
  });

  test('kill -9 of the service takes the tree with it', async () => {
    const length = uniqueSleep();
    const service = spawn(
      process.execPath,
      ['--conditions=cyrus-source', new URL('./supervisor.ts', import.meta.url).pathname, 'seatbelt', deepTree(length), program],
      { stdio: 'ignore' },
    );
    expect(await grown(length)).toBe(true);
    service.kill('SIGKILL');
    expect(await eventually(async () => (await processesWith(`sleep\0${length}`)).length === 0)).toBe(true);
  });

  test('a closed network is allowed its doors, which lead to their sockets', async () => {
    const door = createServer((_, response) => response.end('door')).listen(join(base, 'door'));
    const network = await sandbox.openNetwork?.({ runId: 'n', doors: [{ socket: join(base, 'door') }] });
    if (!network) throw new Error('seatbelt closes networks');
    await network.ready;
    const [port] = network.ports;
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('door');
    await outcome(sandbox.spawn(specOf({ runId: 'n', args: ['-c', 'true'], network })));
    expect(await readFile(join(base, 'profile'), 'utf8')).toContain(`(allow network-outbound (remote ip "localhost:${port}"))`);
    await network.close();
    expect((await outcome(sandbox.spawn(specOf({ runId: 'n', args: ['-c', 'true'], network })))).spawnError?.message).toContain('network');
    door.close();
  });

  test('a port of this machine is reached where it is: nothing is put in its place', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const network = await sandbox.openNetwork?.({ runId: 'h', doors: [{ socket: join(base, 'host'), port }] });
    if (!network) throw new Error('no network');
    await network.ready;
    expect(network.ports).toEqual([port]);
    await outcome(sandbox.spawn(specOf({ runId: 'h', args: ['-c', 'true'], network })));
    expect(await readFile(join(base, 'profile'), 'utf8')).toContain(`(allow network-outbound (remote ip "localhost:${port}"))`);
    await network.close();
    server.close();
  });

  test('a directory that is not there is a spawn error', async () => {
    expect((await outcome(sandbox.spawn(specOf({ runId: 'm', cwd: '/no/such' })))).spawnError?.message).toContain('/no/such');
  });
});
