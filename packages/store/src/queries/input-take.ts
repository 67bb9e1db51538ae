import type { Input } from 'cyrus-core/domain/effects';
import type { Tx } from '../pool.ts';

/** What an entity has been told and has not read, in order; read from now on. Called with the entity's row locked. */
export async function takeInputs(tx: Tx, entity: string): Promise<readonly Input[]> {
  const { rows } = await tx.query<Input>(
    `with taken as (
       update cyrus.input set read_at = coalesce($2::timestamptz, clock_timestamp()) where entity = $1 and read_at is null returning seq, kind, payload
     ) select seq, kind, payload from taken order by seq`,
    [entity, tx.manualNow()],
  );
  return rows;
}
