import pg from 'pg';
import type { ConnectionConfig } from '../connection.ts';

export interface DumpedTable {
  readonly name: string;
  readonly columns: readonly string[];
}

/** What a dump has to be loaded into. */
export interface DumpedSchema {
  /** As recorded in the database; the last is the schema's version. */
  readonly migrations: readonly { readonly version: number; readonly name: string; readonly checksum: string }[];
  /** PostgreSQL's version. */
  readonly server: string;
  readonly tables: readonly DumpedTable[];
}

export interface DumpSink {
  /** Called once, before any rows. */
  schema(schema: DumpedSchema): Promise<void>;
  /** Rows in the text form that PostgreSQL gives a row, which loses nothing. */
  rows(table: string, rows: readonly string[]): Promise<void>;
  /** Called once, after all rows: by sequence, the last value it gave. */
  sequences(values: Readonly<Record<string, number>>): Promise<void>;
}

const fetchRows = 500;

/** How values look as text, the same in every session that writes or reads a dump. */
export const textSettings: string =
  "set timezone = 'UTC'; set datestyle = 'ISO, YMD'; set intervalstyle = 'iso_8601'; set extra_float_digits = 3; set statement_timeout = 0";

/** Reads every row of the schema as of one moment, while others go on writing. */
export async function dumpDatabase(connection: ConnectionConfig, sink: DumpSink): Promise<void> {
  const client = new pg.Client({ ...connection, application_name: 'cyrus backup', connectionTimeoutMillis: 10_000 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query(textSettings);
    await client.query('begin isolation level repeatable read read only');
    const schema = await readSchema(client);
    await sink.schema(schema);
    for (const { name } of schema.tables) await dumpTable(client, name, sink);
    // Sequences stand outside of transactions; read last, none is behind the rows.
    const { rows } = await client.query<{ name: string; value: string }>(
      `select sequencename as name, last_value::text as value from pg_sequences where schemaname = 'cyrus' and last_value is not null`,
    );
    await sink.sequences(Object.fromEntries(rows.map(({ name, value }) => [name, Number(value)])));
    await client.query('commit');
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function readSchema(client: pg.Client): Promise<DumpedSchema> {
  const { rows: migrations } = await client.query<DumpedSchema['migrations'][number]>(
    'select version, name, checksum from cyrus.schema_migration order by version',
  );
  const { rows: version } = await client.query<{ server_version: string }>('show server_version');
  return { migrations, server: version[0]?.server_version ?? 'unknown', tables: await readTables(client) };
}

/** Every table but the record of migrations, which the migrations themselves write. */
export async function readTables(client: pg.ClientBase): Promise<readonly DumpedTable[]> {
  const { rows } = await client.query<{ name: string; columns: string[] }>(
    `select c.relname as name, array_agg(a.attname::text order by a.attnum) as columns
     from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
     where n.nspname = 'cyrus' and c.relkind = 'r' and c.relname <> 'schema_migration' and a.attnum > 0 and not a.attisdropped
     group by c.relname order by c.relname`,
  );
  return rows;
}

async function dumpTable(client: pg.Client, name: string, sink: DumpSink): Promise<void> {
  const table = `cyrus.${client.escapeIdentifier(name)}`;
  await client.query(`declare dump no scroll cursor for select t::text as row from ${table} t`);
  for (;;) {
    const { rows } = await client.query<{ row: string }>(`fetch ${fetchRows} from dump`);
    if (rows.length === 0) break;
    await sink.rows(
      name,
      rows.map(({ row }) => row),
    );
  }
  await client.query('close dump');
}
