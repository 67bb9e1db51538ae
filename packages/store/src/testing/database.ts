import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleepReal } from 'node:timers/promises';
import { type Clock, systemClock } from 'cyrus-core/clock';
import pg from 'pg';
import { type ConnectionConfig, toUrl } from '../connection.ts';
import { silentLog } from '../log.ts';
import { migrate } from '../migrate.ts';
import { type Database, openDatabase } from '../pool.ts';
import { type EmbeddedServer, startEmbedded } from '../server/embedded.ts';

/** A database of its own for one test, with the schema applied. */
export interface TestDatabase {
  readonly db: Database;
  readonly connection: ConnectionConfig;
  /** For `DATABASE_URL`. */
  readonly url: string;
  /** The server, shared by the tests of this process: do not kill it; `startTestServer` gives one that may be. */
  readonly server: EmbeddedServer;
  /** Closes `db` and drops the database, also under connections that others still have. */
  stop(): Promise<void>;
}

export interface TestDatabaseOptions {
  /** Manual time for what is due; absent: the database's own. */
  readonly time?: { now(): number };
  /** False: an empty database. */
  readonly migrated?: boolean;
  readonly maxConnections?: number;
}

/** Makes a fresh database on a server that this process shares and that ends, and is removed, with this process, however that ends. */
export async function testDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const { server, template } = await sharedServer();
  const database = `test_${randomBytes(6).toString('hex')}`;
  await asAdmin(server, `create database ${database} template ${options.migrated === false ? 'template0' : template}`);
  const connection = { ...server.connection, database };
  const db = openDatabase({
    connection,
    clock: systemClock,
    applicationName: 'cyrus test',
    ...(options.time ? { time: options.time } : {}),
    ...(options.maxConnections ? { maxConnections: options.maxConnections } : {}),
  });
  return {
    db,
    connection,
    url: toUrl(connection),
    server,
    async stop() {
      await db.close();
      await asAdmin(server, `drop database if exists ${database} with (force)`);
    },
  };
}

/** A server of the test's own, safe to kill and to stop, with its empty home. Removed with this process if not before. */
export async function startTestServer(
  options: { readonly log?: Parameters<typeof startEmbedded>[0]['log']; readonly settings?: Readonly<Record<string, string>> } = {},
): Promise<{ readonly server: EmbeddedServer; readonly home: string; readonly stateDir: string }> {
  const { home, stateDir } = await temporaryHome();
  const clock = backgroundClock();
  const server = await startEmbedded({
    home,
    stateDir,
    clock,
    log: options.log ?? silentLog,
    copies: await sharedCopies(),
    initdbArguments: ['--no-sync'],
    settings: { fsync: 'off', max_connections: '100', ...options.settings },
  });
  clock.stay();
  return { server, home, stateDir };
}

/** Real time; after `stay` its waits no longer keep the process from ending, so that a shared server need not be stopped. */
function backgroundClock(): Clock & { stay(): void } {
  let ref = true;
  return {
    now: systemClock.now,
    sleep: (ms, signal) =>
      ref ? systemClock.sleep(ms, signal) : sleepReal(ms, undefined, { ref, ...(signal ? { signal } : {}) }).catch(() => undefined),
    stay() {
      ref = false;
    },
  };
}

/** A home under the temporary directory that is removed, and whose server is ended, when this process ends in any way. */
export async function temporaryHome(): Promise<{ readonly home: string; readonly stateDir: string }> {
  const root = await mkdtemp(path.join(tmpdir(), 'cyrus-test-'));
  await chmod(root, 0o755); // the account that runs the server for root has to get to stateDir
  const home = path.join(root, 'home');
  const stateDir = path.join(root, 'state');
  await mkdir(stateDir);
  guard(root);
  return { home, stateDir };
}

/**
 * Ends the server under `root` and removes it once this process is gone: a shell that reads from a pipe only we hold
 * sees its end even after kill -9.
 */
function guard(root: string): void {
  const script = `
    cat >/dev/null
    for file in "$1"/home/pg/data/postmaster.pid "$1"/state/*/data/postmaster.pid; do
      [ -f "$file" ] || continue
      { read -r pid; read -r data; read -r started; read -r port; read -r socket; } < "$file"
      case "$(tr '\\0' ' ' < /proc/$pid/cmdline 2>/dev/null || ps -ww -o command= -p $pid)" in
        *" -D $data "*) kill -CONT $pid; kill -QUIT $pid; while kill -0 $pid 2>/dev/null && [ -f "$file" ]; do sleep 0.05; done ;;
      esac
      case "$socket" in */cyrus-*) rm -rf "$socket" ;; esac
    done
    rm -rf "$1"`;
  const child = spawn('/bin/sh', ['-c', script, 'guard', root], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  child.unref();
  (child.stdin as unknown as { unref(): void }).unref();
}

/** One copy of the binaries for all test runs of this account. */
export async function sharedCopies(): Promise<string> {
  const directory = path.join(tmpdir(), `cyrus-test-pgbin-${process.getuid?.() ?? 'user'}`);
  await mkdir(directory, { recursive: true, mode: 0o755 });
  return directory;
}

interface Shared {
  readonly server: EmbeddedServer;
  readonly template: string;
}

/** Kept on the global object: test files of one process have separate module instances. */
const shared = globalThis as { [key: symbol]: Promise<Shared> | undefined };
const sharedKey = Symbol.for('cyrus-store/testing/database');

function sharedServer(): Promise<Shared> {
  shared[sharedKey] ??= (async () => {
    const { server } = await startTestServer();
    const template = 'cyrus_template';
    await asAdmin(server, `create database ${template}`);
    await migrate({ ...server.connection, database: template });
    return { server, template };
  })();
  return shared[sharedKey];
}

async function asAdmin(server: EmbeddedServer, statement: string): Promise<void> {
  const client = new pg.Client({ ...server.connection, database: 'postgres' });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
