import type { Attempt } from 'cyrus-core/domain/plan';
import type { Queryable } from '../pool.ts';

/** Attempts elsewhere of the plans that a plan follows, however far back; oldest first. */
export async function readEarlierRuns(db: Queryable, planId: string): Promise<readonly Pick<Attempt, 'id' | 'run' | 'checkout'>[]> {
  const { rows } = await db.query<Pick<Attempt, 'id' | 'run' | 'checkout'>>(
    `with recursive line as (
       select follows as id from cyrus.plan where id = $1
       union select p.follows from cyrus.plan p join line on line.id = p.id)
     select a.id, a.run, a.checkout from line join cyrus.attempt a on a.plan_id = line.id
     where a.checkout -> 'remote' is not null order by a.created_at, a.number`,
    [planId],
  );
  return rows;
}
