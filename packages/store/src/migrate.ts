import { createHash } from 'node:crypto';
import pg from 'pg';
import type { ConnectionConfig } from './connection.ts';
import { type Migration, migrations as ours } from './migrations.ts';

export type { Migration } from './migrations.ts';

/** The database and this program do not fit; the message says which is newer and what to do. */
export class MigrationError extends Error {
  readonly problem: 'newer' | 'changed' | 'failed';
  constructor(problem: MigrationError['problem'], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'MigrationError';
    this.problem = problem;
  }
}

/** Any constant will do; it only has to be the same in every release. */
const lockKey = 7_262_011_900;

/**
 * Brings the schema `cyrus` to what this program expects: forward, in order, each migration once and in one transaction
 * with its record, however many processes start together. Resolves with the versions it applied.
 * @throws MigrationError `newer`: the database was written by a newer program; `changed`: an applied migration is not the
 * one in this program; `failed`: a migration did not apply and nothing of it is kept
 */
export async function migrate(connection: ConnectionConfig, migrations: readonly Migration[] = ours): Promise<readonly number[]> {
  const client = new pg.Client({ ...connection, application_name: 'cyrus migrate', connectionTimeoutMillis: 10_000 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    // Held by the session, so that it spans the transactions; ends with it in any case.
    await client.query('select pg_advisory_lock($1)', [lockKey]);
    await client.query('create schema if not exists cyrus');
    await client.query(
      `create table if not exists cyrus.schema_migration (
         version int primary key, name text not null, checksum text not null, applied_at timestamptz not null default clock_timestamp())`,
    );
    const { rows: applied } = await client.query<{ version: number; name: string; checksum: string }>(
      'select version, name, checksum from cyrus.schema_migration order by version',
    );
    checkApplied(applied, migrations);
    const done = new Set(applied.map(({ version }) => version));
    const missing = migrations.filter(({ version }) => !done.has(version)).sort((a, b) => a.version - b.version);
    for (const migration of missing) await apply(client, migration);
    return missing.map(({ version }) => version);
  } finally {
    await client.end().catch(() => undefined);
  }
}

function checkApplied(applied: readonly { version: number; name: string; checksum: string }[], migrations: readonly Migration[]): void {
  const known = new Map(migrations.map((migration) => [migration.version, migration]));
  const newest = Math.max(0, ...known.keys());
  for (const { version, name, checksum } of applied) {
    const migration = known.get(version);
    if (!migration)
      throw new MigrationError(
        'newer',
        `The database is at schema version ${version} (${name}), this Cyrus knows versions up to ${newest}: it was used by a newer Cyrus. Update this one; nothing was changed.`,
      );
    if (checksumOf(migration.sql) !== checksum)
      throw new MigrationError(
        'changed',
        `Schema version ${version} (${name}) in the database is not the one this Cyrus brings: they come from different builds. Use the build that made it, or restore a backup; nothing was changed.`,
      );
  }
}

async function apply(client: pg.Client, { version, name, sql }: Migration): Promise<void> {
  await client.query('begin');
  try {
    await client.query(sql);
    await client.query('insert into cyrus.schema_migration (version, name, checksum) values ($1, $2, $3)', [
      version,
      name,
      checksumOf(sql),
    ]);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw new MigrationError(
      'failed',
      `Schema version ${version} (${name}) could not be applied: ${error instanceof Error ? error.message : String(error)}. Nothing was changed.`,
      error,
    );
  }
}

function checksumOf(sql: string): string {
  return createHash('sha256').update(sql).digest('hex');
}
