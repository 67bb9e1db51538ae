import type { Failure } from 'cyrus-core/failure';
import { type Queryable, type Tx, toTimestamp } from '../pool.ts';

/** How an executor is doing. No row: ready. */
export interface ExecutorConditionRow {
  readonly executorId: string;
  readonly state: 'ready' | 'resting' | 'parked';
  readonly failures: number;
  readonly reason: string;
  readonly until: number | null;
  readonly failure: Failure | null;
  readonly trial: string | null;
  readonly incident: string | null;
}

const columns = `c.executor_id as "executorId", c.state, c.failures, c.reason, c.until, c.failure, c.trial, c.incident`;

export async function readCondition(tx: Queryable, executorId: string): Promise<ExecutorConditionRow | null> {
  const { rows } = await tx.query<ExecutorConditionRow>(`select ${columns} from cyrus.executor_condition c where c.executor_id = $1`, [
    executorId,
  ]);
  return rows[0] ?? null;
}

/** Locks the row, which is made if need be. Taken last in a transaction: after the attempt and the budgets, before what is told. */
export async function lockCondition(tx: Tx, executorId: string): Promise<ExecutorConditionRow> {
  await tx.query(`insert into cyrus.executor_condition (executor_id, state) values ($1, 'ready') on conflict do nothing`, [executorId]);
  const { rows } = await tx.query<ExecutorConditionRow>(
    `select ${columns} from cyrus.executor_condition c where c.executor_id = $1 for update`,
    [executorId],
  );
  if (!rows[0]) throw new Error(`no condition of ${executorId}`);
  return rows[0];
}

/** Stores it; processes that follow conditions are told. */
export async function saveCondition(tx: Tx, row: ExecutorConditionRow): Promise<void> {
  await tx.query(
    `with saved as (
       update cyrus.executor_condition set state = $2, failures = $3, reason = $4, until = $5, failure = $6, trial = $7, incident = $8,
         changed_at = coalesce($9::timestamptz, clock_timestamp()) where executor_id = $1)
     select pg_notify('executor', $1)`,
    [
      row.executorId,
      row.state,
      row.failures,
      row.reason,
      row.until === null ? null : toTimestamp(row.until),
      row.failure === null ? null : JSON.stringify(row.failure),
      row.trial,
      row.incident,
      tx.manualNow(),
    ],
  );
}

/** The attempt that finds out whether a resting executor works again. */
export async function beginTrial(tx: Tx, executorId: string, attemptId: string): Promise<void> {
  await tx.query(`update cyrus.executor_condition set trial = $2 where executor_id = $1 and state <> 'ready'`, [executorId, attemptId]);
}

/** Executors that wait for a person, and since when. */
export async function parkedExecutors(
  db: Queryable,
): Promise<readonly (ExecutorConditionRow & { readonly changedAt: number; readonly now: number })[]> {
  const { rows } = await db.query<ExecutorConditionRow & { changedAt: number; now: number }>(
    `select ${columns}, c.changed_at as "changedAt", coalesce($1::timestamptz, clock_timestamp()) as now
     from cyrus.executor_condition c where c.state = 'parked' and c.until is null`,
    [db.manualNow()],
  );
  return rows;
}

/** Every executor that is not ready, for people. */
export async function executorsOut(db: Queryable): Promise<
  readonly (Pick<ExecutorConditionRow, 'executorId' | 'state' | 'reason' | 'until'> & {
    readonly fix: string | null;
    readonly since: number;
  })[]
> {
  const { rows } = await db.query<{
    executorId: string;
    state: 'resting' | 'parked';
    reason: string;
    until: number | null;
    fix: string | null;
    since: number;
  }>(
    `select c.executor_id as "executorId", c.state, c.reason, c.until, c.failure ->> 'fix' as fix, c.changed_at as since
     from cyrus.executor_condition c where c.state <> 'ready' order by c.executor_id`,
  );
  return rows;
}
