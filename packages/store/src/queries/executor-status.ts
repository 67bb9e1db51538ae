import type { Queryable } from '../pool.ts';
import type { ConditionRow, LoadedDispatch } from './dispatch-load.ts';

/** What executors have under way and how they are doing, for people; read without locks. */
export async function readExecutorStatus(db: Queryable): Promise<Pick<LoadedDispatch, 'runs' | 'conditions'>> {
  const { rows: runs } = await db.query<LoadedDispatch['runs'][number]>(
    `select r.executor_id as "executorId", p.repository_id as "repositoryId", count(*) as count
     from cyrus.reservation r join cyrus.attempt a on a.id = r.attempt_id join cyrus.plan p on p.id = a.plan_id
     where r.released_at is null group by 1, 2`,
  );
  const { rows: conditions } = await db.query<ConditionRow>(
    'select executor_id as "executorId", state, reason, until, failure, trial from cyrus.executor_condition',
  );
  return { runs, conditions };
}
