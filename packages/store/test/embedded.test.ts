import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chmod, chown, cp, lstat, mkdir, readdir, readFile, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { systemClock } from 'cyrus-core/clock';
import pg from 'pg';
import { afterEach, expect, test } from 'vitest';
import type { ConnectionConfig } from '../src/connection.ts';
import { silentLog } from '../src/log.ts';
import { openDatabase } from '../src/pool.ts';
import { reachable } from '../src/server/account.ts';
import { findBinaries, platformPackage } from '../src/server/binaries.ts';
import { type EmbeddedOptions, type EmbeddedServer, startEmbedded } from '../src/server/embedded.ts';
import { commandOf, isAlive } from '../src/server/process-table.ts';
import { sharedCopies, temporaryHome } from '../src/testing/database.ts';
import { mountable } from '../src/testing/mountable.ts';

const isRoot = process.getuid?.() === 0;
const nobody = { uid: 65_534, gid: 65_534, lent: false };
const program = fileURLToPath(new URL('service.ts', import.meta.url));
const others = isRoot && (await reachable(path.dirname(program), nobody)) && (await reachable(path.dirname(process.execPath), nobody));

const run = promisify(execFile);
const servers: EmbeddedServer[] = [];
const children: ChildProcess[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

async function start(options: Partial<EmbeddedOptions> & { home: string }): Promise<EmbeddedServer> {
  const server = await startEmbedded({
    clock: systemClock,
    log: silentLog,
    copies: await sharedCopies(),
    initdbArguments: ['--no-sync'],
    ...options,
  });
  servers.push(server);
  return server;
}

interface Service {
  readonly child: ChildProcess;
  readonly said: { connection: ConnectionConfig; dataDir: string; adopted: boolean; pid: number; error?: string };
}

async function startService(options: { home: string; stateDir: string; copies?: string }, uid?: number): Promise<Service> {
  const child = spawn(process.execPath, ['--conditions=cyrus-source', program, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'] ?? '' },
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  children.push(child);
  for await (const line of createInterface({ input: child.stdout })) return { child, said: JSON.parse(line) as Service['said'] };
  throw new Error('the service said nothing');
}

async function ask<Row extends pg.QueryResultRow>(connection: ConnectionConfig, sql: string): Promise<Row[]> {
  const client = new pg.Client({ ...connection, connectionTimeoutMillis: 3_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}

const answers = (connection: ConnectionConfig): Promise<boolean> =>
  ask(connection, 'select 1').then(
    () => true,
    () => false,
  );

test('data survives an orderly stop; the server is gone after it', async () => {
  const at = await temporaryHome();
  const first = await start(at);
  await ask(first.connection, 'create table kept as select 42 as n');
  const pid = first.pid() ?? 0;
  await first.stop();
  expect(await commandOf(pid)).toBe('');
  const second = await start(at);
  expect(second.adopted).toBe(false);
  expect(await ask(second.connection, 'select n from kept')).toEqual([{ n: 42 }]);
  expect(await readFile(second.logFile, 'utf8')).not.toContain('not properly shut down');
});

test('only a unix socket, durable writes, and a locale of its own', async () => {
  const { connection } = await start(await temporaryHome());
  const names = ['listen_addresses', 'fsync', 'synchronous_commit', 'full_page_writes'];
  expect(await ask(connection, `select name, setting from pg_settings where name in ('${names.join("','")}') order by name`)).toEqual([
    { name: 'fsync', setting: 'on' },
    { name: 'full_page_writes', setting: 'on' },
    { name: 'listen_addresses', setting: '' },
    { name: 'synchronous_commit', setting: 'on' },
  ]);
  expect(await ask(connection, 'select datlocprovider, datlocale from pg_database where datname = current_database()')).toEqual([
    { datlocprovider: 'b', datlocale: 'C.UTF-8' },
  ]);
});

test('nobody else gets at data, socket or password', async () => {
  const at = await temporaryHome();
  const { connection, dataDir } = await start(at);
  const { mode } = await stat(path.join(at.home, 'database-password'));
  expect(mode & 0o777).toBe(0o600);
  expect((await stat(dataDir)).mode & 0o777).toBe(0o700);
  expect((await stat(path.dirname(dataDir))).mode & 0o007).toBe(0);
  expect((await stat(connection.host)).mode & 0o007).toBe(0);
  await expect(ask({ ...connection, password: 'guess' }, 'select 1')).rejects.toThrow(/password authentication failed/);
});

test.skipIf(!others)('a program that shares the account of root’s server gets at none of it', async () => {
  const { connection, dataDir } = await start(await temporaryHome());
  expect((await stat(dataDir)).uid).not.toBe(0);
  const script = `const fs = require('node:fs'); const tries = [() => fs.readdirSync(${JSON.stringify(dataDir)}), () => fs.readdirSync(${JSON.stringify(connection.host)})];
    console.log(tries.map((t) => { try { t(); return 'read'; } catch (error) { return error.code; } }).join());`;
  const owner = (await stat(dataDir)).uid;
  const child = spawn(process.execPath, ['-e', script], { uid: owner, gid: nobody.gid, stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  let output = '';
  for await (const chunk of child.stdout) output += String(chunk);
  expect(output.trim()).toBe('EACCES,EACCES');
});

test('a postmaster killed -9 is back by itself, with what was committed', async () => {
  const server = await start(await temporaryHome());
  const db = openDatabase({ connection: server.connection, clock: systemClock, applicationName: 'test' });
  await db.query('create table kept (n int)');
  for (let round = 1; round <= 3; round++) {
    await db.query('insert into kept values ($1)', [round]);
    const pid = server.pid() ?? 0;
    process.kill(pid, 'SIGKILL');
    await expect.poll(() => server.pid() !== undefined && server.pid() !== pid && answers(server.connection), { interval: 20 }).toBe(true);
    expect((await db.query('select n from kept order by n')).rows.length).toBe(round);
  }
  await db.close();
});

test('a pid file whose id belongs to another process now does not keep the server from starting', async () => {
  const at = await temporaryHome();
  const server = await start(at);
  const stranger = spawn('sleep', ['600'], { stdio: 'ignore' });
  children.push(stranger);
  await server.stop();
  const file = path.join(server.dataDir, 'postmaster.pid');
  const { uid, gid } = await stat(server.dataDir);
  await writeFile(file, `${stranger.pid}\n${server.dataDir}\n1\n5432\n${server.connection.host}\n\n  1 1\nready   \n`, { mode: 0o600 });
  await chown(file, uid, gid);
  const again = await start(at);
  expect(await answers(again.connection)).toBe(true);
  expect(isAlive(stranger.pid ?? 0)).toBe(true);
});

test('lock files that a killed postmaster had not written into yet do not keep the server from starting', async () => {
  const at = await temporaryHome();
  const server = await start(at);
  await server.stop();
  const { uid, gid } = await stat(server.dataDir);
  await mkdir(server.connection.host, { recursive: true, mode: 0o700 });
  await chown(server.connection.host, uid, gid);
  for (const file of [path.join(server.dataDir, 'postmaster.pid'), path.join(server.connection.host, '.s.PGSQL.5432.lock')]) {
    await writeFile(file, '', { mode: 0o600 });
    await chown(file, uid, gid);
  }
  expect(await answers((await start(at)).connection)).toBe(true);
});

test('a killed service leaves the server running, and the next one adopts and later stops it', async () => {
  const at = await temporaryHome();
  const killed = await startService({ ...at, copies: await sharedCopies() });
  expect(killed.said).toMatchObject({ adopted: false });
  killed.child.kill('SIGKILL');
  await new Promise((resolve) => killed.child.once('exit', resolve));
  expect(await answers(killed.said.connection)).toBe(true);
  const next = await start(at);
  expect(next.adopted).toBe(true);
  expect(next.pid()).toBe(killed.said.pid);
  // An adopted server is supervised like an own one.
  process.kill(killed.said.pid, 'SIGKILL');
  await expect.poll(() => next.pid() !== killed.said.pid && answers(next.connection), { interval: 20 }).toBe(true);
  const pid = next.pid() ?? 0;
  await next.stop();
  expect(await commandOf(pid)).toBe('');
});

test('two processes start on one new home at once; the server goes with the last of them', async () => {
  const at = await temporaryHome();
  const copies = path.join(at.stateDir, 'pgbin');
  const both = await Promise.all([startService({ ...at, copies }), startService({ ...at, copies })]);
  const [a, b] = both;
  expect([a.said.error, b.said.error]).toEqual([undefined, undefined]);
  expect(a.said.pid).toBe(b.said.pid);
  a.child.kill('SIGTERM');
  await new Promise((resolve) => a.child.once('exit', resolve));
  expect(await answers(b.said.connection)).toBe(true);
  b.child.kill('SIGTERM');
  await new Promise((resolve) => b.child.once('exit', resolve));
  expect(await commandOf(b.said.pid)).toBe('');
  expect((await readdir(path.dirname(a.said.dataDir))).sort()).toEqual(['data', 'leases']);
  expect(await readdir(copies)).toHaveLength(1);
});

test('a terminal’s signals do not reach the server', async () => {
  const { said } = await startService({ ...(await temporaryHome()), copies: await sharedCopies() });
  const fields = (await readFile(`/proc/${said.pid}/stat`, 'utf8').catch(() => '')).split(') ')[1]?.split(' ');
  if (process.platform === 'linux') expect(Number(fields?.[2])).toBe(said.pid);
  expect(await answers(said.connection)).toBe(true);
});

test('a frozen postmaster is thawed by the next start', async () => {
  const at = await temporaryHome();
  const first = await start(at);
  process.kill(first.pid() ?? 0, 'SIGSTOP');
  const second = await start(at);
  expect(second.adopted).toBe(true);
  expect(second.pid()).toBe(first.pid());
});

test('a home with a very long path', async () => {
  const at = await temporaryHome();
  const server = await start({
    home: path.join(at.home, 'x'.repeat(120), 'y'.repeat(120)),
    stateDir: path.join(at.stateDir, 'z'.repeat(120)),
  });
  expect(await answers(server.connection)).toBe(true);
  expect(server.connection.host.length).toBeLessThan(90);
  await server.stop();
});

test('library links that no install script made are made in the copy', async () => {
  const at = await temporaryHome();
  const bare = path.join(at.stateDir, 'package');
  await cp(platformPackage() ?? '', bare, { recursive: true, verbatimSymlinks: true });
  const lib = path.join(bare, 'native/lib');
  for (const name of await readdir(lib)) if ((await lstat(path.join(lib, name))).isSymbolicLink()) await rm(path.join(lib, name));
  const listed = JSON.parse(await readFile(path.join(bare, 'native/pg-symlinks.json'), 'utf8')) as { target: string }[];
  for (const { target } of listed) await rm(path.join(bare, target), { force: true });
  await rm(path.join(lib, 'libpq.a'), { force: true });
  const copies = path.join(at.stateDir, 'pgbin');
  const server = await start({ ...at, copies, platformPackage: bare });
  expect(await answers(server.connection)).toBe(true);
  await server.stop();
});

test('a lost password file: a new password, the same data', async () => {
  const at = await temporaryHome();
  const first = await start(at);
  await ask(first.connection, 'create table kept ()');
  await first.stop();
  await rm(path.join(at.home, 'database-password'));
  const second = await start(at);
  expect(second.connection.password).not.toBe(first.connection.password);
  expect(await ask(second.connection, 'select count(*)::int as n from kept')).toEqual([{ n: 0 }]);
});

test('neither a packaged nor an installed PostgreSQL: the message says what to do', async () => {
  const at = await temporaryHome();
  const started = startEmbedded({ ...at, clock: systemClock, log: silentLog, platformPackage: null, searchPath: '' });
  await expect(started).rejects.toMatchObject({
    name: 'ServerError',
    problem: 'no_binaries',
    message: expect.stringContaining('DATABASE_URL'),
  });
});

test('data of another major version is refused, not touched', async () => {
  const at = await temporaryHome();
  const first = await start(at);
  await first.stop();
  const { uid, gid } = await stat(first.dataDir);
  await writeFile(path.join(first.dataDir, 'PG_VERSION'), '13\n');
  await chown(path.join(first.dataDir, 'PG_VERSION'), uid, gid);
  await expect(start(at)).rejects.toMatchObject({ problem: 'version', message: expect.stringContaining('PostgreSQL 13') });
  await writeFile(path.join(first.dataDir, 'PG_VERSION'), '18\n');
  expect(await answers((await start(at)).connection)).toBe(true);
});

test('a socket directory that somebody else has made is not used', async () => {
  const at = await temporaryHome();
  const first = await start(at);
  await first.stop();
  await mkdir(first.connection.host, { mode: 0o777 });
  await chmod(first.connection.host, 0o777);
  const second = await start(at);
  expect(second.connection.host).not.toBe(first.connection.host);
  expect((await stat(second.connection.host)).mode & 0o007).toBe(0);
  await rmdir(first.connection.host);
});

test('a server whose socket was swept away is replaced by the next start', async () => {
  const at = await temporaryHome();
  const killed = await startService({ ...at, copies: await sharedCopies() });
  killed.child.kill('SIGKILL');
  await new Promise((resolve) => killed.child.once('exit', resolve));
  await rm(killed.said.connection.host, { recursive: true });
  const next = await start(at);
  expect(next.pid()).not.toBe(killed.said.pid);
  expect(await answers(next.connection)).toBe(true);
});

test.skipIf(!mountable)('a full disk: said so, and nothing half made is left', async () => {
  const at = await temporaryHome();
  await run('mount', ['-t', 'tmpfs', '-o', 'size=12m,mode=755', 'tmpfs', at.stateDir]);
  try {
    await expect(start(at)).rejects.toMatchObject({ problem: 'disk_full', message: expect.stringContaining('free some space') });
    await expect(start({ ...at, copies: path.join(at.stateDir, 'pgbin') })).rejects.toMatchObject({ problem: 'disk_full' });
    const left = await readdir(at.stateDir, { recursive: true });
    expect(left.filter((name) => name.includes('.new-'))).toEqual([]);
  } finally {
    await run('umount', [at.stateDir]);
  }
});

const installed = await findBinaries({ copies: '/nonexistent', platformPackage: null }).catch(() => undefined);
test.skipIf(!installed)('an installed PostgreSQL is the second choice', async () => {
  const server = await start({ ...(await temporaryHome()), platformPackage: null });
  expect(server.version).toBe(installed?.version);
  expect(await answers(server.connection)).toBe(true);
});

test('a test process that is killed leaves neither a server nor files', async () => {
  const script = `import { testDatabase } from ${JSON.stringify(new URL('../src/testing/database.ts', import.meta.url).href)};
    const { server } = await testDatabase(); console.log(JSON.stringify({ pid: server.pid(), dataDir: server.dataDir })); setInterval(() => {}, 1e6);`;
  const child = spawn(process.execPath, ['--conditions=cyrus-source', '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  let said: { pid: number; dataDir: string } | undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    said = JSON.parse(line) as { pid: number; dataDir: string };
    break;
  }
  const { pid, dataDir } = said ?? { pid: 0, dataDir: '' };
  expect(isAlive(pid)).toBe(true);
  child.kill('SIGKILL');
  const files = (): Promise<boolean> =>
    stat(path.dirname(dataDir)).then(
      () => true,
      () => false,
    );
  await expect.poll(async () => (await commandOf(pid)) !== '' || (await files()), { interval: 50 }).toBe(false);
});

test.skipIf(isRoot)('a home that cannot be written', async () => {
  const at = await temporaryHome();
  await mkdir(at.home, { mode: 0o500 });
  await expect(start(at)).rejects.toThrow(/EACCES|writable/);
  await chmod(at.home, 0o700);
});

test.skipIf(!others)('an ordinary user’s database stays that user’s when root works in the same home', async () => {
  const at = await temporaryHome();
  await mkdir(at.home, { mode: 0o700 });
  await chown(at.home, nobody.uid, nobody.gid);
  const asUser = await startService({ home: at.home, stateDir: at.stateDir }, nobody.uid);
  expect(asUser.said.error).toBeUndefined();
  expect(asUser.said.dataDir).toBe(path.join(at.home, 'pg/data'));
  await ask(asUser.said.connection, 'create table kept as select 7 as n');
  asUser.child.kill('SIGTERM');
  await new Promise((resolve) => asUser.child.once('exit', resolve));
  const asRoot = await startEmbedded({ ...at, clock: systemClock, log: silentLog });
  servers.push(asRoot);
  expect(asRoot.dataDir).toBe(asUser.said.dataDir);
  expect(await ask(asRoot.connection, 'select n from kept')).toEqual([{ n: 7 }]);
  await asRoot.stop();
  const again = await startService({ home: at.home, stateDir: at.stateDir }, nobody.uid);
  expect(again.said.error).toBeUndefined();
  expect(await ask(again.said.connection, 'select n from kept')).toEqual([{ n: 7 }]);
  again.child.kill('SIGTERM');
  await new Promise((resolve) => again.child.once('exit', resolve));
});
