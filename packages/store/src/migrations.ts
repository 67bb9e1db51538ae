import { sql as initial } from './schema/0001-initial.ts';

/** One step of the schema. Never edited once released: what it did is recorded by checksum. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  /** Statements that run in one transaction. */
  readonly sql: string;
}

export const migrations: readonly Migration[] = [{ version: 1, name: 'initial', sql: initial }];
