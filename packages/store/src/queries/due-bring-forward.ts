import type { Queryable } from '../pool.ts';

/** Everything that waits for a time yet to come waits `ms` less: wake-ups, host jobs and writes. */
export async function bringForward(db: Queryable, ms: number): Promise<void> {
  await db.query(
    `with time as (select coalesce($2::timestamptz, clock_timestamp()) as now, $1::float8 * interval '1 millisecond' as less),
     woken as (update cyrus.due set at = at - less from time where at > now),
     jobs as (update cyrus.host_job set not_before = not_before - less from time where state = 'queued' and not_before > now),
     writes as (update cyrus.outbound_write set not_before = not_before - less from time where state = 'queued' and not_before > now)
     select pg_notify('due', ''), pg_notify('host', ''), pg_notify('outbound', '')`,
    [ms, db.manualNow()],
  );
}
