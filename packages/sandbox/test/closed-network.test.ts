import { mkdtemp, rm } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ClosedNetwork } from 'cyrus-core/ports/sandbox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bubblewrap, eventually, noBubblewrap, outcome, processesWith, specOf } from './hosts.ts';

const node = { command: process.execPath, readable: [dirname(dirname(process.execPath))] };

describe.skipIf(noBubblewrap)('a closed network', () => {
  let directory: string;
  let server: Server;
  let network: ClosedNetwork;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'door-'));
    server = createHttpServer((request, response) => request.pipe(response)).listen(join(directory, 'echo'));
    network = await open(`closed-${process.pid}`);
    await network.ready;
  });
  afterAll(async () => {
    await network?.close();
    server?.close();
    await rm(directory, { recursive: true, force: true });
  });

  const open = (runId: string): Promise<ClosedNetwork> => {
    const made = bubblewrap.openNetwork?.({
      runId,
      doors: [{ socket: join(directory, 'echo') }, { socket: join(directory, 'nobody'), port: 5432 }],
    });
    if (!made) throw new Error('bubblewrap closes networks');
    return made;
  };
  const run = async (program: string, inside: ClosedNetwork = network) =>
    outcome(bubblewrap.spawn(specOf({ runId: `in-${process.pid}`, ...node, args: ['-e', program], network: inside })));
  const fetched = (url: string): string =>
    `fetch('${url}', { method: 'POST', body: 'x'.repeat(1e6) }).then((r) => r.text()).then((t) => console.log(t.length), (e) => console.log(e.cause?.code ?? String(e)));`;

  test('its doors lead to the unix sockets, whole and in both directions', async () => {
    expect((await run(fetched(`http://127.0.0.1:${network.ports[0]}/`))).stdout).toBe('1000000\n');
  });

  test('behind a door without anybody there is nobody, until somebody comes', async () => {
    expect(network.ports[1]).toBe(5432);
    expect((await run(fetched('http://127.0.0.1:5432/'))).stdout).toMatch(/UND_ERR_SOCKET|ECONN|EPIPE/);
    const late = createHttpServer((_, response) => response.end('late')).listen(join(directory, 'nobody'));
    expect((await run(fetched('http://127.0.0.1:5432/'))).stdout).toBe('4\n');
    await new Promise((resolve) => late.close(resolve));
  });

  test('nothing else: no port of the host, no other interface, no name, no abstract socket', async () => {
    const host = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => host.once('listening', resolve));
    const abstract = createServer().listen(`\0closed-${process.pid}`);
    const program = `
      ${fetched(`http://127.0.0.1:${(host.address() as AddressInfo).port}/`)}
      ${fetched('http://192.0.2.1/')}
      console.log(Object.keys(require('os').networkInterfaces()).join());
      require('dns').lookup('example.com', (e) => console.log(e ? 'no name' : 'name'));
      require('dns').resolve4('example.com', (e) => console.log(e ? 'no name' : 'name'));
      require('net').connect({ path: '\\0closed-${process.pid}' }).on('connect', () => console.log('abstract')).on('error', (e) => console.log(e.code));`;
    const { stdout } = await run(program);
    host.close();
    abstract.close();
    expect(stdout.trim().split('\n').sort()).toEqual(['ECONNREFUSED', 'ECONNREFUSED', 'ENETUNREACH', 'lo', 'no name', 'no name']);
  });

  test('commands in it reach each other, those of another do not', async () => {
    const other = await open(`other-${process.pid}`);
    const listening = bubblewrap.spawn(
      specOf({
        runId: `listening-${process.pid}`,
        ...node,
        args: ['-e', `require('http').createServer((q, r) => r.end('mate')).listen(20123, '127.0.0.1')`],
        network,
      }),
    );
    expect(await eventually(() => network.listens(20_123))).toBe(true);
    expect((await run(fetched('http://127.0.0.1:20123/'))).stdout).toBe('4\n');
    expect((await run(fetched('http://127.0.0.1:20123/'), other)).stdout).toBe('ECONNREFUSED\n');
    expect(await other.listens(20_123)).toBe(false);
    await listening.kill();
    expect(await network.listens(20_123)).toBe(false);
    await other.close();
  });

  test('what stands inside cannot be told from a sandbox of its own: no descriptor, no process, no capability', async () => {
    const script =
      'ls -l /proc/self/fd | grep -c ns:; ls /proc | grep -c "^[0-9]"; grep -E "^Cap(Prm|Eff)" /proc/self/status; nsenter --net=/proc/1/ns/net true 2>&1 | grep -c .';
    const { stdout } = await outcome(bubblewrap.spawn(specOf({ runId: 'inside', args: ['-c', script], network })));
    const [descriptors, processes, ...rest] = stdout.trim().split('\n');
    expect({ descriptors, rest }).toEqual({
      descriptors: '0',
      rest: [`CapPrm:\t${'0'.repeat(16)}`, `CapEff:\t${'0'.repeat(16)}`, '1'],
    });
    expect(Number(processes)).toBeLessThan(6);
  });

  test('exit codes and kills come through as without it', async () => {
    const end = (args: readonly string[]) => outcome(bubblewrap.spawn(specOf({ runId: 'ends', args: [...args], network })));
    expect(await end(['-c', 'exit 7'])).toMatchObject({ code: 7, signal: null });
    const killed = bubblewrap.spawn(specOf({ runId: 'ends', args: ['-c', 'sleep 60'], network }));
    await killed.kill();
    expect(await killed.exited).toEqual({ code: null, signal: 'SIGKILL' });
  });

  test('once closed it is gone, and nothing can be started in it', async () => {
    const holders = () => processesWith(join(directory, 'nobody'));
    const before = await holders();
    const gone = await open(`gone-${process.pid}`);
    await gone.ready;
    await gone.close();
    await gone.close();
    expect(await gone.listens(1)).toBe(false);
    expect((await run('', gone)).spawnError?.message).toContain('closed network');
    expect(await eventually(async () => (await holders()).length === before.length)).toBe(true);
  });

  test('one that is closed as soon as it is open is gone, too', async () => {
    const holders = () => processesWith(join(directory, 'nobody'));
    const before = await holders();
    for (let time = 0; time < 20; time++) await (await open(`brief-${process.pid}-${time}`)).close();
    expect(await eventually(async () => (await holders()).length === before.length)).toBe(true);
  });

  test('a door that cannot be opened is told', async () => {
    const twice = { socket: join(directory, 'echo'), port: 5432 };
    const broken = await bubblewrap.openNetwork?.({ runId: 'twice', doors: [twice, twice] });
    await expect(broken?.ready).rejects.toThrow(/EADDRINUSE/);
    await expect(bubblewrap.openNetwork?.({ runId: 'none', doors: [{ socket: '/no/such/place/x' }] })).rejects.toThrow(/no\/such/);
  });
});
