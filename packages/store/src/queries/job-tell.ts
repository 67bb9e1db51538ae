import { wake } from '../advance.ts';
import type { Tx } from '../pool.ts';

/** Tells an entity something about a host job and wakes it. */
export async function tellEntity(tx: Tx, entity: string, kind: string, payload: Readonly<Record<string, unknown>>): Promise<void> {
  tx.send('insert into cyrus.input (entity, kind, payload) values ($1, $2, $3)', [entity, kind, JSON.stringify(payload)]);
  await wake(tx, [entity]);
}
