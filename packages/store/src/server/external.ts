import type { Clock } from 'cyrus-core/clock';
import pg from 'pg';
import type { ConnectionConfig } from '../connection.ts';
import { codeOf, isConnectionError } from '../connection-lost.ts';
import { connectionSettings } from '../pool.ts';
import { ServerError } from './server-error.ts';

export { ServerError } from './server-error.ts';

export interface ExternalOptions {
  /** `postgres://…`. */
  readonly url: string;
  readonly clock: Clock;
}

const oldest = 14;

/**
 * Checks that the database of `url` can be worked with: it is there, accepts us, is writable, PostgreSQL 14 or newer, and
 * reached by sessions of our own (LISTEN and advisory locks do not survive a transaction pooler).
 * @throws ServerError `url`, `refused`, `auth`, `no_database`, `too_old`, `pooled`; its message never shows the password
 */
export async function connectExternal({ url, clock }: ExternalOptions): Promise<ConnectionConfig> {
  const connection = parseUrl(url);
  const first = newClient(connection);
  const second = newClient(connection);
  try {
    await first.connect();
    await second.connect();
    await checkServer(first, connection);
    await checkSessions(first, second, clock);
    return connection;
  } catch (error) {
    throw error instanceof ServerError ? error : explain(error, connection);
  } finally {
    for (const client of [first, second]) client.end().catch(() => undefined);
  }
}

/** @throws ServerError `url` */
export function parseUrl(url: string): ConnectionConfig {
  try {
    if (!/^postgres(ql)?:\/\//.test(url)) throw new Error('scheme');
    const { host, port, user, password, database, ssl } = new pg.Client({ connectionString: url });
    if (!database) throw new Error('no database');
    return {
      host,
      port,
      user: user ?? 'postgres',
      database,
      ...(typeof password === 'string' && password !== '' ? { password } : {}),
      ...(ssl ? { ssl } : {}),
    };
  } catch (error) {
    throw new ServerError('url', 'DATABASE_URL is not a PostgreSQL URL; it looks like postgres://user:password@host:5432/database.', error);
  }
}

function newClient(connection: ConnectionConfig): pg.Client {
  const client = new pg.Client(connectionSettings({ connection, applicationName: 'cyrus start' }));
  client.on('error', () => undefined);
  return client;
}

async function checkServer(client: pg.Client, connection: ConnectionConfig): Promise<void> {
  const { rows } = await client.query<{ version: string; readonly: boolean }>(
    "select current_setting('server_version_num') as version, pg_is_in_recovery() as readonly",
  );
  const version = Number(rows[0]?.version ?? 0);
  if (version < oldest * 10_000)
    throw new ServerError(
      'too_old',
      `The database at ${place(connection)} is PostgreSQL ${Math.floor(version / 10_000)}; Cyrus needs ${oldest} or newer.`,
    );
  if (rows[0]?.readonly)
    throw new ServerError('url', `The database at ${place(connection)} is a read-only replica: give DATABASE_URL of the primary.`);
}

/**
 * A transaction pooler lends server sessions for a transaction: while a second client is in one, the first is given
 * another session, or, if there is none left, nothing.
 */
async function checkSessions(first: pg.Client, second: pg.Client, clock: Clock): Promise<void> {
  const session = async (client: pg.Client): Promise<number | undefined> =>
    (await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid;
  const before = await session(first);
  await second.query('begin');
  try {
    const busy = await session(second);
    const enough = new AbortController();
    const after = await Promise.race([session(first), clock.sleep(3_000, enough.signal).then(() => undefined)]);
    enough.abort();
    if (before === undefined || after !== before || busy === before) throw pooled();
  } finally {
    await second.query('rollback');
  }
}

function pooled(cause?: unknown): ServerError {
  return new ServerError(
    'pooled',
    'DATABASE_URL leads to a transaction pooler (such as PgBouncer with pool_mode=transaction): LISTEN and session locks do not work through it. ' +
      'Give the direct address of the database (often port 5432 instead of 6543 or 6432), or a pooler in session mode.',
    cause,
  );
}

function explain(error: unknown, connection: ConnectionConfig): ServerError {
  const code = codeOf(error) ?? '';
  const message = error instanceof Error ? error.message : String(error);
  const at = place(connection);
  if (/unsupported startup parameter/.test(message)) return pooled(error);
  if (code === '3D000')
    return new ServerError(
      'no_database',
      `There is no database "${connection.database}" at ${at}: create it (createdb ${connection.database}) or correct DATABASE_URL.`,
      error,
    );
  if (code.startsWith('28') || /SASL|password must be a string/.test(message))
    return new ServerError(
      'auth',
      `The database at ${at} does not let "${connection.user}" in (${message}): correct user and password in DATABASE_URL.`,
      error,
    );
  if (/does not support SSL/.test(message))
    return new ServerError(
      'url',
      `The database at ${at} does not offer TLS: remove sslmode from DATABASE_URL, or turn TLS on there.`,
      error,
    );
  if (isConnectionError(error))
    return new ServerError(
      'refused',
      `No database answers at ${at} (${code || message}): start it, or correct host and port in DATABASE_URL.`,
      error,
    );
  return new ServerError('refused', `The database at ${at} cannot be used: ${message}`, error);
}

function place({ host, port, database }: ConnectionConfig): string {
  return host.startsWith('/') ? `${host} (database ${database})` : `${host}:${port}/${database}`;
}
