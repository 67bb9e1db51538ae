import type { Clock } from 'cyrus-core/clock';
import pg from 'pg';
import type { ConnectionConfig } from './connection.ts';
import { ConnectionLost, codeOf, isConnectionError } from './connection-lost.ts';
import { createListener, type Subscription } from './listener.ts';
import { type Log, silentLog } from './log.ts';
import { toTimestamp, valueTypes } from './value-types.ts';

export { ConnectionLost, isConnectionError } from './connection-lost.ts';
export { toTimestamp } from './value-types.ts';

export interface Rows<Row> {
  readonly rows: readonly Row[];
  /** Rows returned or changed. */
  readonly rowCount: number;
}

/** Something that runs statements. `int8` and `numeric` come back as numbers, `timestamptz` as epoch milliseconds. */
export interface Queryable {
  /** @throws ConnectionLost when the connection is gone; a `pg.DatabaseError` when the statement is wrong */
  query<Row = Record<string, unknown>>(sql: string, parameters?: readonly unknown[]): Promise<Rows<Row>>;
  /** The time that rows are compared with: the database's own, so that several hosts agree, unless the database was opened with `time`. */
  now(): Promise<number>;
  /** The manual time as a `timestamptz` parameter, or null: write `coalesce($1::timestamptz, clock_timestamp())`. */
  manualNow(): string | null;
}

/** An open transaction; of no use once the function it was given to has returned. */
export interface Tx extends Queryable {
  readonly inTransaction: true;
  /** Runs a statement whose answer nobody needs: nobody waits for it but the commit, and its failure is the transaction's. */
  send(sql: string, parameters?: readonly unknown[]): void;
}

export interface Database extends Queryable {
  readonly connection: ConnectionConfig;
  readonly applicationName: string;
  /**
   * Runs `work` in one transaction (read committed): commits when it resolves, rolls back when it rejects.
   * Serialization failures and deadlocks are run again up to five times, so `work` has no effects outside of `tx`.
   * @throws ConnectionLost, or what `work` threw
   */
  tx<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /**
   * Calls `onNotify` for every NOTIFY on `channel`, and once with an empty payload after every (re)connect, since some
   * may have been missed. Resolves when the first LISTEN stands. All channels share one connection.
   */
  listen(channel: string, onNotify: (payload: string) => void): Promise<Subscription>;
  /** Ends the connections after what they are doing. */
  close(): Promise<void>;
}

export interface DatabaseOptions {
  readonly connection: ConnectionConfig;
  readonly clock: Clock;
  /** Shown in `pg_stat_activity`, and to whoever is refused because of us. */
  readonly applicationName: string;
  readonly log?: Log;
  readonly maxConnections?: number;
  readonly statementTimeoutMs?: number;
  readonly connectTimeoutMs?: number;
  /** A manual clock in tests; absent: the database's own time. */
  readonly time?: { now(): number };
}

const retryable = new Set(['40001', '40P01']);
/** What statements say once an earlier one of their transaction has failed; the second one where its text was never prepared. */
const consequences = new Set(['25P02', '26000']);
const maxTries = 6;
/** "cached plan must not change result type": a newer version has migrated the table. A new connection prepares anew. */
const planOutdated = '0A000';
const mostPrepared = 500;

/** A pool of connections. Connects at first use; `connectionSettings` says what every session is given. */
export function openDatabase(options: DatabaseOptions): Database {
  const { connection, clock, applicationName, log = silentLog } = options;
  const settings: pg.PoolConfig = {
    ...connectionSettings(options),
    // Statements leave without waiting for the answers to earlier ones.
    pipeline: true,
    max: options.maxConnections ?? 10,
    idleTimeoutMillis: 10_000,
  };
  const pool = new pg.Pool(settings);
  const prepared = preparedStatements();
  pool.on('error', (error) => log.debug({ error: error.message }, 'an idle database connection ended'));
  pool.on('connect', (client) => client.on('error', (error) => log.debug({ error: error.message }, 'a database connection ended')));
  const listener = createListener({ settings: connectionSettings(options), clock, log });
  const manualNow = (): string | null => (options.time ? toTimestamp(options.time.now()) : null);

  async function connect(): Promise<pg.PoolClient> {
    try {
      return await pool.connect();
    } catch (error) {
      throw isConnectionError(error) ? new ConnectionLost(error) : error;
    }
  }

  async function tryTransaction<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    const client = await connect();
    let broken: Error | undefined;
    let outdated = false;
    /** Of the first statement sent that failed: those after it tell less. */
    let unheard: unknown;
    const run = async <Row>(sql: string, parameters?: readonly unknown[]): Promise<Rows<Row>> => {
      if (broken) throw broken;
      try {
        inOneWrite(client);
        return toRows<Row>(await client.query(prepared(sql, parameters)));
      } catch (error) {
        if (codeOf(error) === planOutdated) outdated = true;
        if (!isConnectionError(error)) throw error;
        broken = new ConnectionLost(error);
        throw broken;
      }
    };
    const send = (sql: string, parameters?: readonly unknown[]): void =>
      void run(sql, parameters).catch((error: unknown) => {
        unheard ??= error;
      });
    try {
      // It leaves together with the first statement, which fails as well where this does.
      send('begin');
      const result = await work({ inTransaction: true, query: run, send, manualNow, now: () => readNow(run, options) });
      // Answered after everything that was sent before it.
      if (!(await commit(client)))
        throw unheard ?? new Error('the transaction had been aborted by an error that its function did not pass on; nothing was written');
      return result;
    } catch (error) {
      if (isConnectionError(error)) broken = error as Error;
      if (broken) throw broken;
      await run('rollback');
      throw consequences.has(codeOf(error) ?? '') ? (unheard ?? error) : error;
    } finally {
      client.release(broken ?? outdated);
    }
  }

  const query = async <Row>(sql: string, parameters?: readonly unknown[]): Promise<Rows<Row>> => {
    const client = await connect();
    let broken: Error | undefined;
    let outdated = false;
    try {
      return toRows<Row>(await client.query(prepared(sql, parameters)));
    } catch (error) {
      if (codeOf(error) === planOutdated) outdated = true;
      if (!isConnectionError(error)) throw error;
      broken = new ConnectionLost(error);
      throw broken;
    } finally {
      client.release(broken ?? outdated);
    }
  };

  let closing: Promise<void> | undefined;
  return {
    connection,
    applicationName,
    query,
    manualNow,
    now: () => readNow(query, options),
    async tx(work) {
      for (let attempt = 1; ; attempt++) {
        try {
          return await tryTransaction(work);
        } catch (error) {
          if (attempt >= maxTries || !retryable.has(codeOf(error) ?? '')) throw error;
          await clock.sleep(attempt * 5);
        }
      }
    },
    listen: (channel, onNotify) => listener.listen(channel, onNotify),
    close() {
      closing ??= Promise.all([listener.close(), pool.end()]).then(() => undefined);
      return closing;
    },
  };
}

/** What every session of ours is given: time limits, so that nothing hangs on a frozen peer, and how values come back. */
export function connectionSettings(
  options: Pick<DatabaseOptions, 'connection' | 'applicationName' | 'statementTimeoutMs' | 'connectTimeoutMs'>,
): pg.ClientConfig {
  const { connection } = options;
  const statementTimeoutMs = options.statementTimeoutMs ?? 15_000;
  const overTcp = !connection.host.startsWith('/');
  return {
    ...connection,
    types: valueTypes,
    application_name: options.applicationName,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 5_000,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + 5_000,
    idle_in_transaction_session_timeout: 30_000,
    // The server's default is two hours: so long would a vanished host hold its locks.
    ...(overTcp
      ? {
          keepAlive: true,
          keepAliveInitialDelayMillis: 5_000,
          options: '-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=4',
        }
      : {}),
  };
}

/**
 * Has the server parse and plan a statement once a connection instead of each time, which costs more than most of ours take to
 * run. Bounded, so that texts made up at run time do not pile up.
 */
function preparedStatements(): (sql: string, parameters: readonly unknown[] | undefined) => pg.QueryConfig {
  const names = new Map<string, string>();
  return (text, parameters) => {
    if (parameters === undefined) return { text };
    const name = names.get(text) ?? (names.size < mostPrepared ? `s${names.size}` : undefined);
    if (name !== undefined) names.set(text, name);
    return { text, values: parameters as unknown[], ...(name === undefined ? {} : { name }) };
  };
}

/** Resolves with false when a statement had failed: then nothing was written. */
async function commit(client: pg.PoolClient): Promise<boolean> {
  try {
    inOneWrite(client);
    return (await client.query('commit')).command !== 'ROLLBACK';
  } catch (error) {
    throw isConnectionError(error) ? new ConnectionLost(error, true) : error;
  }
}

/** What is sent before the event loop turns leaves as one write: each one is a system call, and wakes the server up. */
function inOneWrite(client: pg.PoolClient): void {
  const { stream } = client.connection;
  if (stream.writableCorked > 0) return;
  stream.cork();
  process.nextTick(() => stream.uncork());
}

async function readNow(query: Queryable['query'], options: DatabaseOptions): Promise<number> {
  if (options.time) return options.time.now();
  const { rows } = await query<{ now: number }>('select clock_timestamp() as now');
  return rows[0]?.now ?? 0;
}

function toRows<Row>(result: pg.QueryResult): Rows<Row> {
  return { rows: result.rows as Row[], rowCount: result.rowCount ?? 0 };
}
