import type { Queryable } from '../pool.ts';

export interface StorageSizes {
  readonly databaseBytes: number;
  /** With indexes; the largest first. */
  readonly tables: readonly { readonly name: string; readonly bytes: number; readonly rows: number }[];
}

/** How much the database holds. Rows are the server's estimate. */
export async function readStorage(db: Queryable): Promise<StorageSizes> {
  const { rows } = await db.query<{ name: string; bytes: number; rows: number; total: number }>(
    `select c.relname as name, pg_total_relation_size(c.oid) as bytes, greatest(s.n_live_tup, 0) as rows,
       pg_database_size(current_database()) as total
     from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_stat_user_tables s on s.relid = c.oid
     where n.nspname = 'cyrus' and c.relkind = 'r' order by bytes desc`,
  );
  return { databaseBytes: rows[0]?.total ?? 0, tables: rows.map(({ name, bytes, rows: count }) => ({ name, bytes, rows: count })) };
}
