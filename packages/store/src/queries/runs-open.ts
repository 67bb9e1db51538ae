import type { AttemptRun } from 'cyrus-core/domain/plan';
import { type Queryable, toTimestamp } from '../pool.ts';

/** A run elsewhere that is under way, or may be although nobody waits for it any more. */
export interface OpenRun {
  readonly attemptId: string;
  readonly identifier: string;
  readonly number: number;
  readonly executorId: string;
  /** Where a person finds it; null: it is not known. */
  readonly url: string | null;
  /** What became of stopping it; null: it is waited for. */
  readonly stop: NonNullable<AttemptRun['stop']> | null;
}

/** After so long whatever was not stopped has ended by itself. */
const forgottenMs = 24 * 3_600_000;

/** Runs elsewhere that are waited for, and those of ended attempts that no service has confirmed to be stopped, late twins among them. */
export async function readOpenRuns(db: Queryable): Promise<readonly OpenRun[]> {
  const { rows } = await db.query<OpenRun>(
    `with ran as (
       select a.id as "attemptId", i.identifier, a.number, a.executor_id as "executorId", a.run_ref ->> 'url' as url, a.run, a.ended_at, a.created_at
       from cyrus.attempt a join cyrus.plan p on p.id = a.plan_id join cyrus.issue i on i.id = p.issue_id
       where (a.ended_at is null or a.ended_at > $1::timestamptz) and a.checkout -> 'remote' is not null),
     open as (
       select *, case when ended_at is null then null else run ->> 'stop' end as stop from ran where ended_at is null or run ->> 'stop' <> 'confirmed'
       union all
       select "attemptId", identifier, number, "executorId", run -> 'late' ->> 'url', run, ended_at, created_at, run -> 'late' ->> 'stop'
       from ran where run -> 'late' ->> 'stop' <> 'confirmed')
     select "attemptId", identifier, number, "executorId", url, stop from open order by created_at, number`,
    [toTimestamp((await db.now()) - forgottenMs)],
  );
  return rows;
}
