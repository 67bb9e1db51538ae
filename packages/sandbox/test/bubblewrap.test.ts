import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bubblewrap, noBubblewrap, outcome, specOf } from './hosts.ts';

let base: string;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'sandbox-'));
});
afterEach(() => rm(base, { recursive: true, force: true }));

const shell = (script: string, given: Partial<Parameters<typeof specOf>[0]> = {}) =>
  outcome(bubblewrap.spawn(specOf({ runId: 'view', args: ['-c', script], ...given })));

describe.skipIf(noBubblewrap)('what is seen inside bubblewrap', () => {
  test('writable paths are written, readable ones read, and both keep their name', async () => {
    await mkdir(join(base, 'work'));
    await mkdir(join(base, 'shared'));
    await writeFile(join(base, 'shared/object'), 'seen');
    const script = 'pwd; cat ../shared/object; echo x > made; echo y > ../shared/made';
    const run = await shell(script, { cwd: join(base, 'work'), writable: [join(base, 'work')], readable: [join(base, 'shared')] });
    expect(run.stdout).toBe(`${base}/work\nseen`);
    expect(run.stderr).toContain('Read-only file system');
    expect(await readFile(join(base, 'work/made'), 'utf8')).toBe('x\n');
  });

  test('a readable path inside a writable one stays read only', async () => {
    await mkdir(join(base, 'work/kept'), { recursive: true });
    const run = await shell('touch a; touch kept/b', {
      cwd: join(base, 'work'),
      writable: [join(base, 'work')],
      readable: [join(base, 'work/kept')],
    });
    expect(run.stderr).toMatch(/kept\/b.*Read-only/);
    expect(run.stderr).not.toContain("'a'");
  });

  test('nothing else of the host is there: neighbours, homes, keys, sockets, processes', async () => {
    await mkdir(join(base, 'work'));
    await writeFile(join(base, 'secret'), 'token');
    const script = `for path in ${base}/secret ${userInfo().homedir} /etc/shadow /etc/ssl/private /etc/ssh /run/docker.sock /var/run/docker.sock /proc/${process.pid} /sys; do
      [ -e "$path" ] && echo "visible: $path"; done; ls /tmp /run /var; kill -0 ${process.pid} 2>/dev/null && echo signalled; echo end`;
    const run = await shell(script, { writable: [join(base, 'work')], network: 'open' });
    expect(
      run.stdout
        .replaceAll(base.split('/')[2] ?? '', '')
        .split(/\s+/)
        .filter(Boolean),
    ).toEqual(['/run:', '/tmp:', '/var:', 'tmp', 'end']);
  });

  test('what is shown of /etc is what the host has, cannot be changed, and comes by no descriptor', async () => {
    const read = `for path in passwd group hosts resolv.conf ssl/certs/ca-certificates.crt localtime os-release; do
      [ -e /etc/$path ] && cksum < /etc/$path; done; ls /proc/self/fd | wc -l`;
    const change = `for path in passwd group hosts localtime; do (echo x >> /etc/$path) 2>/dev/null && echo "written: $path"; done
      rm -f /etc/passwd 2>/dev/null; touch /etc/new 2>/dev/null; [ -e /etc/passwd ] && [ ! -e /etc/new ] && echo kept`;
    const { stdout: onTheHost } = spawnSync('/bin/sh', ['-c', read], { encoding: 'utf8' });
    expect(onTheHost.split('\n').length).toBeGreaterThan(2);
    expect((await shell(`${read}\n${change}`)).stdout).toBe(`${onTheHost}kept\n`);
  });

  test('the environment is the one given, and none of it stands in argv', async () => {
    const env = { PATH: '/usr/bin:/bin', SECRET: 'swordfish "$(id)"\n;', LD_PRELOAD: '/nowhere.so' };
    const sandboxed = bubblewrap.spawn(specOf({ runId: 'env-1', args: ['-c', 'read go; env -0'], env }));
    const commandLine = await readFile(`/proc/${sandboxed.child.pid}/cmdline`, 'utf8');
    const outside = await readFile(`/proc/${sandboxed.child.pid}/environ`, 'utf8');
    sandboxed.child.stdin?.write('go\n');
    const run = await outcome(sandboxed);
    expect(commandLine).not.toContain('swordfish');
    expect(outside.split('\0').filter(Boolean)).toEqual(['CYRUS_RUN=env-1']);
    expect(new Set(run.stdout.split('\0').filter(Boolean))).toEqual(
      new Set([...Object.entries(env).map(([name, value]) => `${name}=${value}`), 'CYRUS_RUN=env-1', 'PWD=/']),
    );
  });

  test('nothing of the kernel can be set, and no capability is held', async () => {
    const script = `cat /proc/sys/kernel/core_pattern > /tmp/kept
      for path in /proc/sys/kernel/core_pattern /proc/sys/vm/drop_caches /proc/sysrq-trigger /proc/mtrr; do
        [ -e $path ] && (cat /tmp/kept > $path) 2>/dev/null && echo "written: $path"; done
      unshare -Urmpf mount -t proc proc /tmp 2>/dev/null && (cat /tmp/kept > /tmp/sys/kernel/core_pattern) 2>/dev/null && echo "written by a second namespace"
      grep -E '^Cap(Prm|Eff|Bnd)' /proc/self/status; touch /usr/x /x 2>/dev/null && echo system; echo end`;
    const run = await shell(script);
    expect(run.stdout.replaceAll('\t', ' ')).toBe(`CapPrm: ${'0'.repeat(16)}\nCapEff: ${'0'.repeat(16)}\nCapBnd: ${'0'.repeat(16)}\nend\n`);
  });

  test('network "none" reaches not even the host itself, "open" does', async () => {
    const server = createServer((_, response) => response.end('host')).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const program = `fetch('${url}').then((r) => r.text()).then(console.log, (e) => console.log(e.cause.code))`;
    const node = { command: process.execPath, args: ['-e', program], readable: [process.execPath] };
    const closed = await shell('', { ...node, network: 'none' });
    const open = await shell('', { ...node, network: 'open' });
    server.close();
    expect([closed.stdout, open.stdout]).toEqual(['ECONNREFUSED\n', 'host\n']);
  });

  test('a link left in a writable directory does not lead a later mount out of it', async () => {
    await mkdir(join(base, 'work'));
    await mkdir(join(base, 'private'));
    await symlink(join(base, 'private'), join(base, 'work/inner'));
    const run = await shell('ls work/inner', { writable: [join(base, 'work')], readable: [join(base, 'work/inner')] });
    expect(run.spawnError?.message).toContain('is a link inside a writable directory');
  });

  test.each([
    ['a missing path', { readable: ['/does/not/exist'] }, 'does not exist'],
    ['a missing command', { command: '/does/not/exist' }, 'does not exist'],
    ['a relative path', { writable: ['work'] }, 'not an absolute path'],
    ['a directory to start in that is not shown', { cwd: '/root/nowhere' }, 'could not start'],
  ])('%s is a spawn error, not an exit code', async (_, given, message) => {
    const run = await shell('true', given);
    expect({ code: run.code, message: run.spawnError?.message }).toEqual({ code: null, message: expect.stringContaining(message) });
  });

  test.each([0, 1, 7, 137])('exit code %i comes through', async (code) => {
    expect(await shell(`exit ${code}`)).toMatchObject({ code, signal: null });
  });
});
