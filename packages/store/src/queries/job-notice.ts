import type { Tx } from '../pool.ts';
import { tellEntity } from './job-tell.ts';

/** Tells the entity of a job that runs under this boot something on the way. False: the job is not this boot's (any more). */
export async function tellOfJob(
  tx: Tx,
  job: { readonly id: string; readonly bootId: string },
  kind: string,
  payload: Readonly<Record<string, unknown>>,
): Promise<boolean> {
  const { rows } = await tx.query<{ notify: string }>(
    `select notify from cyrus.host_job where id = $1 and boot_id = $2 and state = 'running'`,
    [job.id, job.bootId],
  );
  if (!rows[0]) return false;
  await tellEntity(tx, rows[0].notify, kind, payload);
  return true;
}
