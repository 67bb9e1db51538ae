import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mountable } from 'cyrus-store/testing/mountable';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundle } from './support/bundle.ts';
import { running } from './support/processes.ts';
import { plainEnvironment, type Ran, runToEnd, startProgram } from './support/program.ts';
import { until } from './support/until.ts';
import { World } from './support/world.ts';

let world: World;
let main: string;
beforeAll(async () => {
  ({ main } = await bundle());
  world = await World.open();
});
afterAll(() => world?.close());

/** A home of its own, beside the world's unless said otherwise, and what `cyrus start` says on it. */
async function homeIn(place: string, name = 'home'): Promise<string> {
  const home = join(place, name);
  await mkdir(home, { recursive: true, mode: 0o700 });
  await writeFile(join(home, 'config.json'), JSON.stringify({ server: { port: 0 }, allowUnsandboxed: true }), { mode: 0o600 });
  return home;
}
const environmentOf = (state: string, more: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> =>
  plainEnvironment({ CYRUS_STATE_DIR: state, ...more });

/** Starts it, asks it for its state, ends it: everything went well. */
async function startsWell(home: string, environment: Readonly<Record<string, string>>): Promise<void> {
  const program = await startProgram([main, '--home', home, 'start', '--json'], { environment });
  try {
    expect((await fetch(`${program.ready['url']}/healthz`)).status).toBe(200);
  } finally {
    await program.end();
  }
  expect(await program.exited).toBe(0);
}

/** Runs `cyrus start` behind a shell's words, and holds that it refused in words for people and left nothing running. */
async function refuses(
  home: string,
  words: string,
  environment: Readonly<Record<string, string>>,
  message: RegExp,
  at: (path: string) => string = (path) => path,
): Promise<Ran> {
  const command = [at(process.execPath), at(main), '--home', home, 'start', '--json'];
  const ran = await runToEnd('/bin/sh', ['-c', `${words}\nexec "$@"`, 'sh', ...command], { environment });
  expect(ran.stderr).toMatch(message);
  expect(ran.stderr).not.toContain('    at ');
  expect([1, 78]).toContain(ran.code);
  return ran;
}

/**
 * The product seen below `place`, wherever it lies: another account may not get to it, and a test may mount over it. The words run in
 * a mount namespace of their own, and what they mount is gone with them.
 */
async function shownIn(place: string): Promise<{ readonly at: (path: string) => string; readonly words: (then: string) => string }> {
  const modules = join(import.meta.dirname, '../node_modules');
  const shown = join(place, 'node_modules');
  await mkdir(shown, { recursive: true });
  return {
    at: (path) => (path.startsWith(`${modules}/`) ? join(shown, path.slice(modules.length)) : path),
    words: (then) => `set -- unshare -m sh -c 'set -e; mount --bind ${modules} ${shown}; ${then}' sh "$@"`,
  };
}

describe('the home', () => {
  test('with spaces, quotes and umlauts, far below, with a path no socket could have', async () => {
    const home = await homeIn(world.directory, `Ää ü’s "home" $HOME/${'very-long-'.repeat(15)}/end`);
    await startsWell(home, environmentOf(join(world.directory, 'state')));
    await startsWell(home, environmentOf(join(world.directory, 'state'), { LC_ALL: 'POSIX', LANG: 'C', TZ: 'No/Such_Zone' }));
  });

  test('HOME is not set', async () => {
    const { HOME: _, ...environment } = environmentOf(join(world.directory, 'state'));
    await startsWell(await homeIn(world.directory, 'homeless'), environment);
  });

  test('it cannot be made, or is a file', async () => {
    await refuses('/proc/no/home', '', environmentOf('/nowhere'), /home \/proc\/no\/home cannot be written: .*\n.*fix: .*--home/);
    await refuses(main, '', environmentOf('/nowhere'), /is a file.*\n.*fix: .*--home/);
  });

  test.skipIf(!mountable)('it belongs to somebody else', async () => {
    const home = await homeIn(world.directory, 'of-root');
    await chmod(world.directory, 0o755);
    const product = await shownIn(world.directory);
    const words = product.words('exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"');
    // Without being let into the home its configuration cannot be read either.
    await refuses(home, words, environmentOf('/nowhere'), /of-root.*(?:EACCES|belongs to the account 0).*\n.*fix: /s, product.at);
    await rm(join(home, 'config.json'));
    await chmod(home, 0o755);
    await refuses(home, words, environmentOf('/nowhere'), /belongs to the account 0, this is 65534/, product.at);
  });

  test('a configuration that was half written', async () => {
    const home = await homeIn(world.directory, 'half');
    await writeFile(join(home, 'config.json'), '{"server": {"port": 0}, "linear": {"tok');
    expect((await refuses(home, '', environmentOf('/nowhere'), /line 1, column \d+[\s\S]*closing quote/)).code).toBe(78);
  });
});

describe('limits and signals', () => {
  test('few open files', async () => {
    const home = await homeIn(world.directory, 'few-files');
    await refuses(home, 'ulimit -n 50', environmentOf(join(world.directory, 'state')), /may not open enough files.*ulimit -n/);
  });

  test('a signal at any moment of a start: it ends, nothing of it is left, and the next start works', async () => {
    const home = await homeIn(world.directory, 'signalled');
    const environment = environmentOf(join(world.directory, 'state'));
    for (const afterMs of [60, 150, 250, 400, 700, 1_100]) {
      const child: ChildProcess = spawn(process.execPath, [main, '--home', home, 'start'], { env: { ...environment }, stdio: 'ignore' });
      const ended = new Promise((resolve) => child.once('exit', resolve));
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      child.kill('SIGTERM');
      await ended;
      const left = (await running(join(world.directory, 'state'))).concat(await running(home));
      expect(left.filter(({ command }) => !command.includes(world.home) && command.includes(home))).toEqual([]);
    }
    await startsWell(home, environment);
  });

  test('a taken port is told with the program that has it', async () => {
    const home = await homeIn(world.directory, 'port');
    await writeFile(
      join(home, 'config.json'),
      JSON.stringify({ server: { port: Number(new URL(world.url).port) }, allowUnsandboxed: true }),
    );
    const message = new RegExp(`Port \\d+ on 127\\.0\\.0\\.1 is taken by .*\\(pid ${world.service.pid}\\)\\.\\n.*fix: .*server\\.port`);
    expect((await refuses(home, '', environmentOf(join(world.directory, 'state')), message)).code).toBe(1);
  });
});

/** Mounts of its own need root, and a place that is not below /tmp. */
describe.skipIf(!mountable)('disks', () => {
  let place: string;
  let product: Awaited<ReturnType<typeof shownIn>>;
  beforeAll(async () => {
    place = await mkdtemp('/var/tmp/cyrus-machine-');
    await chmod(place, 0o755);
    product = await shownIn(place);
  });
  afterAll(() => rm(place, { recursive: true, force: true }));

  const table: readonly (readonly [string, string, RegExp])[] = [
    [
      'the home is on a read-only file system',
      'mount --bind HOME HOME; mount -o remount,ro,bind HOME HOME',
      /read-only file system.*\n.*fix: .*--home/,
    ],
    [
      'the home would be made on a read-only file system',
      'rm -r HOME; mount --bind PLACE PLACE; mount -o remount,ro,bind PLACE PLACE',
      /read-only file system.*\n.*fix: .*--home/,
    ],
    ['/tmp is read-only', 'mount -t tmpfs -o ro none /tmp', /database socket.*make \/tmp writable/],
    [
      '/tmp is full',
      'mount -t tmpfs -o size=8k none /tmp; dd if=/dev/zero of=/tmp/full bs=1k count=8 2>/dev/null || true',
      /\/tmp.*is full.*Nothing is lost/,
    ],
    ['there is no space for the database', 'mount -t tmpfs -o size=70m none STATE', /full.*(?:free some space|Nothing is lost)/],
    ['there is no space for anything', 'mount -t tmpfs -o size=1m none STATE', /free some space/],
    ['the place of the database is read-only', 'mount -t tmpfs -o ro none STATE', /Cannot write .*EROFS.*CYRUS_STATE_DIR.*DATABASE_URL/],
  ];
  test.each(table)('%s', async (what, mounts, message) => {
    const own = join(place, what.replaceAll(/\W+/g, '-'));
    const home = await homeIn(own);
    const state = join(own, 'state');
    await mkdir(state);
    await chmod(own, 0o711);
    const words = mounts.replaceAll('HOME', home).replaceAll('PLACE', own).replaceAll('STATE', state);
    await refuses(home, product.words(`${words}; exec "$@"`), environmentOf(state), message, product.at);
    expect(await running(state)).toEqual([]);
  });

  test('nothing can be run from /tmp', async () => {
    const home = await homeIn(place, 'noexec');
    const environment = environmentOf(join(place, 'state'));
    const words = `${product.words('mount -t tmpfs -o noexec none /tmp; exec "$@"')}; exec "$@"`;
    const child = spawn('/bin/sh', ['-c', words, 'sh', product.at(process.execPath), product.at(main), '--home', home, 'start', '--json'], {
      env: { ...environment },
    });
    let out = '';
    child.stdout.on('data', (chunk) => {
      out += String(chunk);
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    try {
      await until('it to be ready', () => out.includes('"ready":true'));
    } finally {
      child.kill('SIGTERM');
    }
    expect(await ended).toBe(0);
  });
});
