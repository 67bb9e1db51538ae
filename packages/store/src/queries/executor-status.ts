import type { Failure } from 'cyrus-core/failure';
import type { Queryable } from '../pool.ts';

export interface ConditionRow {
  readonly executorId: string;
  readonly state: 'ready' | 'resting' | 'parked';
  readonly reason: string;
  readonly until: number | null;
  readonly failure: Failure | null;
  /** The attempt that finds out whether it works again. */
  readonly trial: string | null;
}

export interface ExecutorStatus {
  /** Attempts that hold something. */
  readonly runs: readonly { readonly executorId: string; readonly repositoryId: string; readonly count: number }[];
  /** Executors without a row are ready. */
  readonly conditions: readonly ConditionRow[];
}

/** What executors have under way and how they are doing; without locks. */
export async function readExecutorStatus(db: Queryable): Promise<ExecutorStatus> {
  const [runs, conditions] = await Promise.all([
    db.query<ExecutorStatus['runs'][number]>(
      `select r.executor_id as "executorId", p.repository_id as "repositoryId", count(*) as count
       from cyrus.reservation r join cyrus.attempt a on a.id = r.attempt_id join cyrus.plan p on p.id = a.plan_id
       where r.released_at is null group by 1, 2`,
    ),
    db.query<ConditionRow>('select executor_id as "executorId", state, reason, until, failure, trial from cyrus.executor_condition'),
  ]);
  return { runs: runs.rows, conditions: conditions.rows };
}
