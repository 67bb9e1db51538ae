import { randomUUID } from 'node:crypto';
import { entityNotFound, invalidInput } from '../errors.ts';
import { indexedColumns, type Row, type TableName, type Tables } from './tables.ts';

/** The columns a caller gives for a new row; the store adds the rest. */
export type NewRow<R extends Row> = Omit<R, keyof Row> & { readonly id?: string | undefined };

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** Columns that name a row as well as its id does: `issue(id: "ENG-1")`. */
const alternateKey: Partial<Record<TableName, string>> = { Issue: 'identifier', Team: 'key' };

export function isTable(name: string): name is TableName {
  return name in indexedColumns;
}

/** All rows, in memory, in order of insertion. */
export class Store {
  /** Linear's counter of changes, `lastSyncId`. */
  syncId = 0;
  private seq = 0;
  private lastActivityAt = 0;
  private readonly rows = new Map<string, Map<string, Row>>();
  /** By `Type.column`, then value, the ids of the rows. */
  private readonly indexes = new Map<string, Map<unknown, Set<string>>>();

  constructor() {
    for (const [type, columns] of Object.entries(indexedColumns)) {
      this.rows.set(type, new Map());
      for (const column of columns) this.indexes.set(`${type}.${column}`, new Map());
    }
  }

  /** @throws GraphQLError when a client-chosen `id` is no UUID or already names a row */
  insert<T extends TableName>(type: T, columns: NewRow<Tables[T]>): Tables[T] {
    const id = columns.id ?? randomUUID();
    if (!uuid.test(id)) throw invalidInput('Argument Validation Error', 'id must be a UUID.');
    const table = this.table(type);
    if (table.has(id)) throw invalidInput(`Entity already exists: ${type}`, `A ${type} with this id already exists.`);
    const now = new Date(this.instantFor(type)).toISOString();
    const row = {
      ...columns,
      id,
      __typename: type,
      seq: ++this.seq,
      createdAt: now,
      updatedAt: now,
      archivedAt: null,
    } as unknown as Tables[T];
    table.set(id, row);
    for (const column of indexedColumns[type]) this.index(type, column, row[column], id, 'add');
    this.syncId++;
    return row;
  }

  /** Activities are read in order of `createdAt`, so no two share a millisecond. */
  private instantFor(type: TableName): number {
    if (type !== 'AgentActivity') return Date.now();
    this.lastActivityAt = Math.max(Date.now(), this.lastActivityAt + 1);
    return this.lastActivityAt;
  }

  /** By id, or by identifier (issues) and key (teams). */
  find<T extends TableName>(type: T, id: unknown): Tables[T] | undefined {
    if (typeof id !== 'string') return undefined;
    const found = this.table(type).get(id);
    const key = alternateKey[type];
    return found ?? (key ? this.where(type, key as keyof Tables[T] & string, id)[0] : undefined);
  }

  /** @throws GraphQLError `Entity not found` */
  get<T extends TableName>(type: T, id: unknown): Tables[T] {
    const row = this.find(type, id);
    if (!row) throw entityNotFound(type);
    return row;
  }

  all<T extends TableName>(type: T): Tables[T][] {
    return [...this.table(type).values()];
  }

  where<T extends TableName>(type: T, column: keyof Tables[T] & string, value: unknown): Tables[T][] {
    const index = this.indexes.get(`${type}.${column}`);
    if (!index) return this.all(type).filter((row) => row[column] === value);
    const table = this.table(type);
    return [...(index.get(value) ?? [])].flatMap((id) => table.get(id) ?? []);
  }

  /** Writes the changed columns and returns what they held before; empty when nothing changed. */
  update<T extends TableName>(type: T, row: Tables[T], changes: Partial<Omit<Tables[T], keyof Row>>): Record<string, unknown> {
    const before: Record<string, unknown> = {};
    for (const [column, value] of Object.entries(changes) as [keyof Tables[T] & string, never][]) {
      if (value === undefined || JSON.stringify(row[column]) === JSON.stringify(value)) continue;
      before[column] = row[column] ?? null;
      this.index(type, column, row[column], row.id, 'delete');
      row[column] = value;
      this.index(type, column, value, row.id, 'add');
    }
    if (Object.keys(before).length) this.touch(row);
    return before;
  }

  archive(row: Row): void {
    row.archivedAt = new Date().toISOString();
    this.touch(row);
  }

  remove<T extends TableName>(type: T, id: unknown): Tables[T] {
    const row = this.get(type, id);
    this.table(type).delete(row.id);
    for (const column of indexedColumns[type]) this.index(type, column, row[column], row.id, 'delete');
    this.syncId++;
    return row;
  }

  private touch(row: Row): void {
    row.updatedAt = new Date().toISOString();
    this.syncId++;
  }

  private table<T extends TableName>(type: T): Map<string, Tables[T]> {
    return this.rows.get(type) as unknown as Map<string, Tables[T]>;
  }

  private index(type: TableName, column: string, value: unknown, id: string, change: 'add' | 'delete'): void {
    const index = this.indexes.get(`${type}.${column}`);
    if (!index) return;
    const ids = index.get(value) ?? new Set();
    ids[change](id);
    if (ids.size) index.set(value, ids);
    else index.delete(value);
  }
}
