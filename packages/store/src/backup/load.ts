import pg from 'pg';
import type { ConnectionConfig } from '../connection.ts';
import { migrate } from '../migrate.ts';
import { type Migration, migrations as ours } from '../migrations.ts';
import { type DumpedSchema, readTables, textSettings } from './dump.ts';

/** The dump and this program or this database do not fit; the message says what to do. Nothing was changed. */
export class LoadError extends Error {
  readonly problem: 'newer' | 'different' | 'not_empty';
  constructor(problem: LoadError['problem'], message: string) {
    super(message);
    this.name = 'LoadError';
    this.problem = problem;
  }
}

export type DumpedPart =
  | { readonly kind: 'rows'; readonly table: string; readonly rows: readonly string[] }
  | { readonly kind: 'sequences'; readonly values: Readonly<Record<string, number>> };

/** @throws LoadError `newer` when a newer program made the dump */
export function checkDump(schema: DumpedSchema, migrations: readonly Migration[] = ours): void {
  const newest = Math.max(0, ...migrations.map(({ version }) => version));
  const dumped = Math.max(0, ...schema.migrations.map(({ version }) => version));
  if (dumped > newest)
    throw new LoadError(
      'newer',
      `The backup was made by a newer Cyrus: its schema version is ${dumped}, this one knows versions up to ${newest}. Update this one.`,
    );
}

/**
 * Loads a dump into an empty database: makes the schema of the version it was made with, fills it in one transaction, with every
 * reference checked, and brings it to this program's version.
 * @throws LoadError; MigrationError when the dump is of another build of the same version
 */
export async function loadDatabase(
  connection: ConnectionConfig,
  schema: DumpedSchema,
  parts: AsyncIterable<DumpedPart>,
  migrations: readonly Migration[] = ours,
): Promise<{ readonly rows: number }> {
  checkDump(schema, migrations);
  await refuseData(connection);
  const known = new Set(schema.migrations.map(({ version }) => version));
  await migrate(
    connection,
    migrations.filter(({ version }) => known.has(version)),
  );
  const rows = await withClient(connection, async (client) => {
    await refuseOtherShape(client, schema);
    await client.query('begin');
    const restoreReferences = await dropReferences(client);
    // What migrations put there comes with the rows.
    await client.query(`truncate ${schema.tables.map(({ name }) => `cyrus.${client.escapeIdentifier(name)}`).join(', ')}`);
    let count = 0;
    for await (const part of parts) {
      if (part.kind === 'rows') {
        await insertRows(client, part.table, part.rows);
        count += part.rows.length;
      } else {
        for (const [name, value] of Object.entries(part.values))
          await client.query('select setval($1::regclass, $2)', [`cyrus.${client.escapeIdentifier(name)}`, value]);
      }
    }
    await restoreReferences();
    await client.query('commit');
    await client.query('analyze');
    return count;
  });
  await migrate(connection, migrations);
  return { rows };
}

/** @throws LoadError `not_empty` */
async function refuseData(connection: ConnectionConfig): Promise<void> {
  await withClient(connection, async (client) => {
    for (const { name } of await readTables(client)) {
      if (name === 'dispatcher') continue;
      const { rowCount } = await client.query(`select from cyrus.${client.escapeIdentifier(name)} limit 1`);
      if (rowCount) {
        const message = `The database already holds data of Cyrus (${name}). A backup is restored into an empty one only; nothing was changed.`;
        throw new LoadError('not_empty', message);
      }
    }
  });
}

/** @throws LoadError `different` */
async function refuseOtherShape(client: pg.Client, schema: DumpedSchema): Promise<void> {
  const shape = (tables: DumpedSchema['tables']): string => JSON.stringify(tables.map(({ name, columns }) => [name, columns]));
  const here = await readTables(client);
  if (shape(here) === shape(schema.tables)) return;
  const message = 'The backup was made by another build of Cyrus: its tables differ from those of this one. Use the build that made it.';
  throw new LoadError('different', message);
}

/** Rows come table by table, so references are checked when all are there; adding them again checks every row. */
async function dropReferences(client: pg.Client): Promise<() => Promise<void>> {
  const { rows } = await client.query<{ table: string; name: string; definition: string }>(
    `select conrelid::regclass::text as table, quote_ident(conname) as name, pg_get_constraintdef(oid) as definition
     from pg_constraint where contype = 'f' and connamespace = 'cyrus'::regnamespace`,
  );
  for (const { table, name } of rows) await client.query(`alter table ${table} drop constraint ${name}`);
  return async () => {
    for (const { table, name, definition } of rows) await client.query(`alter table ${table} add constraint ${name} ${definition}`);
  };
}

async function insertRows(client: pg.Client, name: string, rows: readonly string[]): Promise<void> {
  const table = `cyrus.${client.escapeIdentifier(name)}`;
  // Without `offset 0` each column would parse the row again.
  await client.query(
    `insert into ${table} select (r).* from (select line::${table} as r from unnest($1::text[]) as line offset 0) as parsed`,
    [rows],
  );
}

async function withClient<T>(connection: ConnectionConfig, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ ...connection, application_name: 'cyrus restore', connectionTimeoutMillis: 10_000 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query(textSettings);
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
