import type { Failure } from 'cyrus-core/failure';
import type { HostJobState } from 'cyrus-core/states';
import type { Queryable } from '../pool.ts';

/** Asks the running service for a job that belongs to no task. */
export async function requestJob(
  db: Queryable,
  job: { readonly id: string; readonly kind: 'gc'; readonly payload: object },
): Promise<void> {
  await db.query(
    `with asked as (insert into cyrus.host_job (id, kind, notify, payload) values ($1, $2, 'dispatcher:main', $3))
     select pg_notify('host', '')`,
    [job.id, job.kind, JSON.stringify(job.payload)],
  );
}

export interface JobSeen {
  readonly state: HostJobState;
  readonly result: Readonly<Record<string, unknown>> | null;
  readonly failure: Failure | null;
}

export async function findJob(db: Queryable, id: string): Promise<JobSeen | undefined> {
  const { rows } = await db.query<JobSeen>('select state, result, failure from cyrus.host_job where id = $1', [id]);
  return rows[0];
}

/** Takes back a job that has not begun; false: it has. */
export async function withdrawJob(db: Queryable, id: string): Promise<boolean> {
  const { rows } = await db.query(`delete from cyrus.host_job where id = $1 and state = 'queued' returning id`, [id]);
  return rows.length > 0;
}
